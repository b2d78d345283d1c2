"""What only a server can do to the store: stop, freeze, vanish, come back, be locked, be shared."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from tests.postgres_server import running_server

from conftest import MemoryConfig
from work_data_hub.alerting import Alert, AlertRouter
from work_data_hub.alerting.errors import StoreUnavailable
from work_data_hub.alerting.kind import Kind
from work_data_hub.alerting.store import leases
from work_data_hub.alerting.store.database import BUSY_TIMEOUT_S, Database
from work_data_hub.alerting.store.postgres import WRITERS_LOCK
from work_data_hub.alerting.store.store import Store
from work_data_hub.alerting.testing import RecordingSink

AT_ONCE = """
route: {receiver: team, group_by: [job], group_wait: 0s, group_interval: 1m}
receivers:
  - name: team
    memory_configs: [{sink: chat}]
"""
PUBLISHER = """
import sys
from pathlib import Path
from work_data_hub.alerting import Alert, AlertRouter
router = AlertRouter.from_file(Path(sys.argv[1]), sys.argv[2], environ={})
print(flush=True)
sys.stdin.readline()
for n in range(int(sys.argv[3])):
    labels = {"alertname": "RunFailed", "job": f"job{n}"}
    print(router.publish(Alert(labels, event_key=f"run_failed:{n}")))
router.close()
"""


class Server:
    """One that a test may stop and freeze."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.url: str = server.get_uri()

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.ensure_postgres_running()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Alive, and answers nobody: the postmaster and all who serve a connection."""
        postmaster = self._server.get_postmaster_info().process
        processes = [postmaster.pid, *(child.pid for child in postmaster.children())]
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in processes:
                os.kill(pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    with running_server() as server:
        yield Server(server)


@pytest.fixture
def server(own_server: Server) -> Iterator[Server]:
    """It runs again after each test, and its store is gone."""
    yield own_server
    own_server.start()
    with psycopg.connect(own_server.url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


@pytest.fixture
def chat() -> RecordingSink:
    return RecordingSink()


@pytest.fixture
def router_at(tmp_path: Path, chat: RecordingSink) -> Iterator[Callable[[str], AlertRouter]]:
    """Makes routers on the store of a URL; their time is the real one."""
    (tmp_path / "alerts.yml").write_text(AT_ONCE, encoding="utf-8")
    kinds = {"memory": Kind("memory", MemoryConfig, lambda *_, **__: chat)}
    made: list[AlertRouter] = []

    def make(url: str) -> AlertRouter:
        made.append(AlertRouter.from_file(tmp_path / "alerts.yml", url, environ={}, kinds=kinds))
        return made[-1]

    yield make
    for router in made:
        router.close()


def failed(job: str = "daily", **more: Any) -> Alert:
    return Alert({"alertname": "RunFailed", "job": job}, **more)


@contextmanager
def unavailable(match: str, *, after_s: float = 0.0) -> Iterator[None]:
    """The store says so, neither sooner than this nor much later than two seconds."""
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match=match):
        yield
    assert after_s <= time.monotonic() - began < BUSY_TIMEOUT_S + 1.5


def test_a_stopped_server_is_unavailable_and_the_store_works_once_it_runs_again(
    server: Server, router_at: Any, chat: RecordingSink
) -> None:
    router = router_at(server.url)
    router.publish(failed("a"))
    server.stop()
    with unavailable("connection"):
        router.publish(failed("b"))
    with unavailable("connection"):
        router.dispatch()
    server.start()
    assert router.publish(failed("b")) == "opened"
    assert router.dispatch(until_idle=True) == 2


def test_a_restart_between_two_calls_is_no_error(server: Server, router_at: Any) -> None:
    router = router_at(server.url)
    with ThreadPoolExecutor(4) as pool:  # several connections, all of them dead then
        list(pool.map(lambda n: router.publish(failed(str(n))), range(20)))
    server.stop()
    server.start()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: router.publish(failed(str(n))), range(20)))
    assert {i.event_count for i in router.store.incidents()} == {2}


@pytest.mark.parametrize("is_connected", [True, False], ids=["connected", "not yet connected"])
def test_a_frozen_server_is_unavailable_after_two_seconds_and_works_again_later(
    server: Server, router_at: Any, is_connected: bool
) -> None:
    router = router_at(server.url)
    if is_connected:
        router.publish(failed("a"))
    with server.frozen(), unavailable("server|connection", after_s=BUSY_TIMEOUT_S - 0.5):
        router.publish(failed("b"))
    assert router.publish(failed("b", event_key="once")) in ("opened", "updated")


def test_what_was_told_while_the_server_restarted_is_recorded_by_the_next_pass(
    server: Server, router_at: Any, chat: RecordingSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver = chat.deliver
    is_stopped = threading.Event()

    def stop_and_deliver(*args: Any, **named: Any) -> Any:
        server.stop()
        is_stopped.set()
        return deliver(*args, **named)

    monkeypatch.setattr(chat, "deliver", stop_and_deliver)
    router = router_at(server.url)
    router.publish(failed())
    with pytest.raises(StoreUnavailable):
        router.dispatch()
    assert is_stopped.wait(30)  # the dispatcher may miss the server while it is still stopping
    server.start()
    assert router.dispatch() == 1
    assert [n.purpose for n in chat.delivered] == ["open"]
    assert len(router.store.attempts(failed().fingerprint)) == 1


def test_a_server_that_refuses_connections_is_unavailable_at_once(router_at: Any) -> None:
    with socket.socket() as taken:  # bound, and not listening: nobody else gets the port
        taken.bind(("127.0.0.1", 0))
        router = router_at(f"postgresql://wdh@127.0.0.1:{taken.getsockname()[1]}/alerts")
        with unavailable("Connection refused"):
            router.publish(failed())


def test_a_server_that_cannot_be_reached_is_unavailable_after_two_seconds(router_at: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        router = router_at(f"postgresql://wdh@127.0.0.1:{silent.getsockname()[1]}/alerts")
        with unavailable("timeout", after_s=BUSY_TIMEOUT_S - 0.5):
            router.publish(failed())


def test_threads_that_find_no_server_do_not_wait_for_each_other(router_at: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        router = router_at(f"postgresql://wdh@127.0.0.1:{silent.getsockname()[1]}/alerts")

        def publish(n: int) -> bool:
            with pytest.raises(StoreUnavailable):
                router.publish(failed(str(n)))
            return True

        began = time.monotonic()
        with ThreadPoolExecutor(6) as pool:
            assert all(pool.map(publish, range(6)))
        assert time.monotonic() - began < 2 * BUSY_TIMEOUT_S + 1.5


def test_a_forked_process_uses_no_connection_of_its_parent(
    empty_store: str, router_at: Any
) -> None:
    router = router_at(empty_store)
    router.publish(failed("a"))
    if (child := os.fork()) == 0:
        try:
            os._exit(0 if router.publish(failed("b")) == "opened" else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert router.publish(failed("b")) == "updated"
    with router.store.database.read() as connection:
        backend = connection.execute(text("SELECT pg_backend_pid()")).scalar()
    with router.store.database.read() as connection:
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar() == backend


@pytest.mark.parametrize(
    "held",
    [f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})", "LOCK TABLE alert_incidents"],
    ids=["by a writer", "on a table"],
)
def test_a_held_lock_is_unavailable_after_two_seconds_and_lets_go_later(
    empty_store: str, router_at: Any, held: str
) -> None:
    router = router_at(empty_store)
    router.publish(failed("a"))
    with psycopg.connect(empty_store) as other:
        other.execute(held)  # type: ignore[call-overload]
        with unavailable("another process has been writing", after_s=BUSY_TIMEOUT_S - 0.5):
            router.publish(failed("b"))
    assert router.publish(failed("b")) == "opened"


def test_readers_wait_for_no_writer(empty_store: str, router_at: Any) -> None:
    router, other = router_at(empty_store), router_at(empty_store)
    router.publish(failed())
    with router.store.database.write() as connection:
        connection.execute(text("UPDATE alert_incidents SET event_count = 9"))
        assert [i.event_count for i in other.store.incidents()] == [1]


def test_a_reader_sees_one_moment(empty_store: str, router_at: Any) -> None:
    router = router_at(empty_store)
    router.publish(failed("a"))
    count = text("SELECT count(*) FROM alert_incidents")
    with router.store.database.read() as connection:
        assert connection.execute(count).scalar() == 1
        router.publish(failed("b"))
        assert connection.execute(count).scalar() == 1


def test_processes_that_open_an_empty_database_at_once_all_publish_and_each_event_is_one(
    postgres_url: str, tmp_path: Path, router_at: Any
) -> None:
    """The tables are made by one of them; the same fingerprints and event keys come from all."""
    events, processes = 15, 3
    running = [_publisher(tmp_path, postgres_url, events) for _ in range(processes)]
    for process in running:
        assert process.stdout is not None
        process.stdout.readline()
    said = []
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in running:
        out, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        said += out.split()
    assert sorted(said) == ["opened"] * events + ["repeated"] * events * (processes - 1)
    assert [i.event_count for i in router_at(postgres_url).store.incidents()] == [1] * events


def test_what_fires_at_once_from_everywhere_is_one_incident(
    empty_store: str, router_at: Any
) -> None:
    routers = [router_at(empty_store) for _ in range(4)]
    jobs = ["a", "b", "c"]

    def publish(n: int) -> None:
        # In another order each: locks on rows would meet crosswise.
        routers[n].publish_all(failed(job) for job in (jobs if n % 2 else reversed(jobs)))

    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            list(pool.map(publish, range(4)))
    assert {i.labels["job"]: i.event_count for i in routers[0].store.incidents()} == dict.fromkeys(
        jobs, 20
    )


def test_dispatchers_that_work_at_once_tell_each_group_once(
    empty_store: str, router_at: Any, chat: RecordingSink
) -> None:
    routers = [router_at(empty_store) for _ in range(3)]
    routers[0].publish_all(failed(f"job{n}") for n in range(60))
    with ThreadPoolExecutor(3) as pool:
        told = list(pool.map(lambda router: router.dispatch(until_idle=True), routers))
    assert sum(told) == len(chat.delivered) == 60
    assert len({n.key for n in chat.delivered}) == 60


def test_a_claim_is_taken_once_however_many_ask_at_the_same_moment(
    empty_store: str, router_at: Any
) -> None:
    name = ("team", "memory[0]")
    routers = [router_at(empty_store) for _ in range(4)]
    routers[0].publish_all(failed(f"job{n}") for n in range(12))
    with routers[0].store.database.write() as connection:
        routers[0]._dispatching()._route(connection, time.time())
    start = threading.Barrier(4)

    def claim(router: AlertRouter) -> list[int]:
        start.wait()
        with router.store.database.write() as connection:
            found = leases.claim(connection, *name, now=time.time() + 1, limit=5)
        return [held.conversation_id for held in found]

    with ThreadPoolExecutor(4) as pool:
        claimed = [id_ for ids in pool.map(claim, routers) for id_ in ids]
    assert len(claimed) == len(set(claimed)) == 12


def test_a_cursor_that_many_move_from_the_same_place_is_moved_by_one(
    empty_store: str, router_at: Any
) -> None:
    stores = [router_at(empty_store).store for _ in range(4)]
    for expected in (None, "0"):
        with ThreadPoolExecutor(4) as pool:
            moved = list(
                pool.map(lambda s: s.set_cursor("feed", "0", expected=expected), stores)  # noqa: B023
            )
        assert moved.count(True) == (1 if expected is None else 4)


def test_a_process_that_stands_still_in_a_transaction_loses_it(
    empty_store: str, router_at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from work_data_hub.alerting.store import postgres

    monkeypatch.setattr(postgres, "_IDLE_WRITER_S", 0.3)
    paused, other = router_at(empty_store), router_at(empty_store)
    with pytest.raises(StoreUnavailable), paused.store.database.write() as connection:
        assert other.publish(failed("b")) == "opened"  # waits for the paused one to be put out
        connection.execute(text("UPDATE alert_incidents SET event_count = 9"))
    assert [i.event_count for i in other.store.incidents()] == [1]
    assert paused.publish(failed("b")) == "updated"


def test_leases_go_by_the_databases_clock(empty_store: str) -> None:
    from postgres_store import DatabaseClock
    from sqlalchemy import select

    from work_data_hub.alerting.store.database import database_now

    clock = DatabaseClock(empty_store)
    clock.stand_at(1234567.5)
    database = Database(empty_store, database_clock=lambda: 0.0)
    with database.read() as connection:
        assert connection.execute(select(database_now())).scalar() == 1234567.5
    database.close()
    clock.close()


def test_texts_with_nul_are_stored_without_it(empty_store: str, router_at: Any) -> None:
    router = router_at(empty_store)
    alert = Alert(
        {"alertname": "Run\0Failed", "job": "a\0b"},
        {"error": "read \0 bytes"},
        event_key="key\0",
        generator_url="http://x/\0",
    )
    assert router.publish(alert) == "opened"
    assert router.publish(alert) == "repeated"
    assert router.store.set_cursor("feed", "a\0")
    assert router.store.set_cursor("feed", "b", expected="a\0")
    (incident,) = router.store.incidents()
    assert incident.generator_url == "http://x/\ufffd"
    assert router.dispatch() == 1
    assert router.resolve({"alertname": "Run\0Failed"}) == 1


def test_an_error_shows_nothing_of_the_alert(postgres_url: str, router_at: Any) -> None:
    router = router_at(postgres_url)
    router.publish(failed())
    with router.store.database.write() as connection:
        connection.execute(
            text("ALTER TABLE alert_incidents ADD CHECK (annotations NOT LIKE '%Zhang%')")
        )
    zhang = Alert({"alertname": "RunFailed"}, {"error": "the customer is called Zhang"})
    with pytest.raises(StoreUnavailable, match="violates check constraint") as caught:
        router.publish(zhang)
    assert "Zhang" not in _all_of(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://wdh:hunter2@127.0.0.1:1/alerts",
        "postgresql://wdh@127.0.0.1:1/alerts?password=hunter2",
        "postgresql://wdh:hunter2@127.0.0.1:1/alerts?sslmode=hunter2",
        "postgresql+psycopg2://wdh:hunter2@127.0.0.1:1/alerts",
        "mysql://wdh:hunter2@127.0.0.1:1/alerts?password=hunter2",
    ],
)
def test_no_password_is_in_an_error(url: str) -> None:
    store = Store(url)
    with pytest.raises(StoreUnavailable) as caught:
        store.set_cursor("feed", "1")
    assert "hunter2" not in _all_of(caught.value)


def _all_of(error: BaseException) -> str:
    """As a traceback would show it."""
    import traceback

    return "".join(traceback.format_exception(error))


def _publisher(folder: Path, url: str, events: int) -> subprocess.Popen[str]:
    (folder / "publisher.py").write_text(PUBLISHER, encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, str(folder / "publisher.py"), str(folder / "none.yml"), url, str(events)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
