"""Health check of a container: `health.py http URL`, `grpc HOST:PORT` or `daemon POSTGRES_URL`.

Exit code 0 when it is well. It imports no Dagster, which would take two seconds of CPU time at each
check: `dagster-daemon liveness-check` times out where the machine is busy.
"""

from __future__ import annotations

import os
import sys
from urllib.request import urlopen

TIMEOUT_S = 5.0
# What Dagster's code server is registered as with gRPC's health service.
CODE_SERVER = "DagsterApi"
# Daemons beat every 30 s or so, later where the machine is busy.
STALE_S = 300
BEATS = """
SELECT count(*) FROM daemon_heartbeats
WHERE daemon_type IN ('SENSOR', 'SCHEDULER', 'QUEUED_RUN_COORDINATOR')
AND timestamp > (now() AT TIME ZONE 'utc') - make_interval(secs => %s)
"""


def http_is_well(url: str) -> bool:
    """It answers with a status below 400; urlopen raises for any other."""
    with urlopen(url, timeout=TIMEOUT_S):  # noqa: S310 - the compose file names the address
        return True


def code_server_is_well(address: str) -> bool:
    """It serves: the definitions are loaded, or their error can be shown."""
    import grpc
    from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
    from grpc_health.v1.health_pb2_grpc import HealthStub

    with grpc.insecure_channel(address) as channel:
        answer = HealthStub(channel).Check(
            HealthCheckRequest(service=CODE_SERVER), timeout=TIMEOUT_S
        )
    return bool(answer.status == HealthCheckResponse.SERVING)


def daemon_is_well(url: str) -> bool:
    """Sensors, schedules and the run queue have each beaten of late. url: without the password."""
    import psycopg

    password = os.environ["DAGSTER_POSTGRES_PASSWORD"]
    with psycopg.connect(url, password=password, connect_timeout=int(TIMEOUT_S)) as connection:
        row = connection.execute(BEATS, [STALE_S]).fetchone()
    return row == (3,)


CHECKS = {"http": http_is_well, "grpc": code_server_is_well, "daemon": daemon_is_well}


def main(kind: str, address: str) -> int:
    return 0 if CHECKS[kind](address) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
