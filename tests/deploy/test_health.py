"""The health check of the containers, against real servers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.error import HTTPError

import grpc
import pytest
from dagster import DagsterInstance, instance_for_test
from dagster._daemon.types import DaemonHeartbeat
from grpc_health.v1.health import HealthServicer
from grpc_health.v1.health_pb2 import HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server

from deploy.health import CODE_SERVER, STALE_S, main


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/-/healthy" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def http_address() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_web_server_is_well_when_it_says_so(http_address: str) -> None:
    assert main("http", f"{http_address}/-/healthy") == 0
    with pytest.raises(HTTPError):
        main("http", f"{http_address}/-/ready")


@pytest.mark.parametrize(
    ("status", "code"), [(HealthCheckResponse.SERVING, 0), (HealthCheckResponse.NOT_SERVING, 1)]
)
def test_a_code_server_is_well_when_it_serves(status: int, code: int) -> None:
    servicer = HealthServicer()
    servicer.set(CODE_SERVER, status)
    server = grpc.server(ThreadPoolExecutor(max_workers=1))
    add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    assert main("grpc", f"127.0.0.1:{port}") == code
    server.stop(grace=0).wait()


@pytest.fixture
def dagster_on_postgres(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DagsterInstance]:
    monkeypatch.setenv("DAGSTER_POSTGRES_PASSWORD", "")
    storage = {"postgres": {"postgres_url": postgres_url}}
    with instance_for_test(overrides={"storage": storage}) as instance:
        yield instance


def _beat(instance: DagsterInstance, kind: str, age_s: float) -> None:
    beat = DaemonHeartbeat(time.time() - age_s, kind, "one", [])
    instance.add_daemon_heartbeat(beat)


def test_a_daemon_is_well_while_all_that_matters_beats(
    dagster_on_postgres: DagsterInstance, postgres_url: str
) -> None:
    _beat(dagster_on_postgres, "SENSOR", 10)
    _beat(dagster_on_postgres, "SCHEDULER", 10)
    assert main("daemon", postgres_url) == 1
    _beat(dagster_on_postgres, "QUEUED_RUN_COORDINATOR", STALE_S + 10)
    assert main("daemon", postgres_url) == 1
    _beat(dagster_on_postgres, "QUEUED_RUN_COORDINATOR", STALE_S - 30)
    assert main("daemon", postgres_url) == 0


def test_a_code_server_that_is_not_there_is_not_well() -> None:
    with pytest.raises(grpc.RpcError):
        main("grpc", "127.0.0.1:1")
