"""The stack of docker-compose.yml, under a name and on ports of its own, beside any other."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import requests

from deploy import write_env

ROOT = Path(__file__).parents[2]
PROJECT = "workdatahub-test"
IMAGE = "workdatahub:0.1.0"
PORTS = ("DAGSTER", "ALERTING", "PROMETHEUS", "GRAFANA", "MAILPIT", "RECEIVER")
# Seconds for any one thing to happen. On a machine with nothing else to do it is one of them.
PATIENCE_S = 600
# The services in the order in which they are killed: those that a load or an alert passes through,
# and those that look on.
THAT_WORK = ("alerting", "webserver", "daemon", "code", "postgres")
THAT_WATCH = ("prometheus", "grafana", "mailpit")
# Ends a process of any container as the kernel does when memory runs out: `docker kill` would be
# an operator's wish, after which the restart policy leaves a container alone.
KILL = "import os, signal, sys; os.kill(int(sys.argv[1]), signal.SIGKILL)"

T = TypeVar("T")


def say(text: str) -> None:
    """Progress."""
    print(f"  {time.strftime('%H:%M:%S')} {text}", flush=True)


def wait_for(what: str, look: Callable[[], T], *, every_s: float = 1.0) -> T:
    """What `look` gives, once it is true. An error of `look` counts as not yet."""
    began, last = time.monotonic(), "nothing"
    while time.monotonic() - began < PATIENCE_S:
        try:
            if found := look():
                say(f"{what}: after {time.monotonic() - began:.0f} s")
                return found
            last = repr(found)
        except (requests.RequestException, subprocess.CalledProcessError, LookupError) as err:
            last = repr(err)
        time.sleep(every_s)
    raise AssertionError(f"{what}: not within {PATIENCE_S} s; at last {last[:500]}")


@dataclass
class Stack:
    """folder: where the .env of this stack is written."""

    folder: Path
    env_file: Path = field(init=False)
    ports: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.env_file = self.folder / ".env"
        self.ports = dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
        write_env.write(self.env_file)
        settings = {f"STACK_{name}_PORT": port for name, port in self.ports.items()}
        settings |= {
            "ALERT_WEBHOOK_URL": "http://receiver:8080/alerts",
            "ALERT_EMAIL_TO": "on-call@example.org",
            "SMTP_FROM": "wdh@example.org",
            "SMTP_SMARTHOST": "mailpit:1025",
            "SMTP_REQUIRE_TLS": "false",
        }
        with self.env_file.open("a", encoding="utf-8") as file:
            file.writelines(f"{name}={value}\n" for name, value in settings.items())

    # --- docker -------------------------------------------------------------------------------

    def compose(self, *args: str, stdin: bytes | None = None, show: bool = False) -> str:
        """`docker compose ...` on this stack. Raises CalledProcessError."""
        files = ["-f", "docker-compose.yml", "-f", "tests/compose/stack.yml"]
        options = ["-p", PROJECT, "--env-file", str(self.env_file), "--profile", "mail"]
        return _docker("compose", *options, *files, *args, stdin=stdin, show=show)

    def build(self) -> None:
        self.compose("build", show=True)

    def up(self) -> None:
        self.compose("up", "--detach", "--wait", show=True)

    def down(self) -> None:
        self.compose("down", "--volumes", "--remove-orphans", show=True)

    def container(self, service: str) -> str:
        return self.compose("ps", "-q", service).strip()

    def state(self, service: str) -> dict[str, Any]:
        """Docker's own account: State, RestartCount and so on."""
        [found] = json.loads(_docker("inspect", self.container(service)))
        return dict(found)

    def image_mb(self) -> float:
        """What our image takes on disk, in millions of bytes."""
        [found] = json.loads(_docker("image", "inspect", IMAGE))
        return float(found["Size"]) / 1e6

    def health(self, service: str) -> str:
        return str(self.state(service)["State"]["Health"]["Status"])

    def kill(self, service: str) -> int:
        """Kill the main process; returns how often Docker had restarted it before."""
        state = self.state(service)
        as_root = ["--user", "0", "--pid", "host", "--network", "none", "--rm"]
        rights = ["--cap-drop", "ALL", "--cap-add", "KILL"]
        _docker("run", *as_root, *rights, IMAGE, "python", "-c", KILL, str(state["State"]["Pid"]))
        return int(state["RestartCount"])

    def is_back(self, service: str, *, restarts_before: int) -> bool:
        state = self.state(service)
        again = state["RestartCount"] > restarts_before
        return bool(again and state["State"]["Health"]["Status"] == "healthy")

    # --- what the stack holds -----------------------------------------------------------------

    def sql(self, database: str, query: str) -> str:
        """The answer, unaligned, without headings."""
        psql = ["psql", "--username", "postgres", "--dbname", database, "-Atc", query]
        return self.compose("exec", "-T", "postgres", *psql).strip()

    def drop(self, name: str, content: bytes) -> None:
        """Put a file into the landing folder: whole at once, as a move does."""
        move = 'cat > "/data/$1.part" && mv "/data/$1.part" "/data/$1"'
        self.compose("exec", "-T", "code", "sh", "-c", move, "sh", name, stdin=content)

    def url(self, service: str, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.ports[service.upper()]}{path}"

    def get_json(
        self, service: str, path: str, *, auth: tuple[str, str] | None = None, **query: str
    ) -> Any:
        address = self.url(service, path) + (f"?{urlencode(query)}" if query else "")
        answer = requests.get(address, auth=auth, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def grafana_admin(self) -> tuple[str, str]:
        """User and password, as .env has it."""
        settings = dict(
            line.split("=", 1)
            for line in self.env_file.read_text(encoding="utf-8").splitlines()
            if line and not line.startswith("#")
        )
        return "admin", settings["STACK_GRAFANA_PASSWORD"]

    def metric(self, query: str) -> float:
        """The value of a Prometheus query that has one result. Raises LookupError for none."""
        result = self.get_json("prometheus", "/api/v1/query", query=query)["data"]["result"]
        return float(result[0]["value"][1])

    def told(self, alertname: str, status: str = "firing") -> list[dict[str, Any]]:
        """What the webhook receiver was told of this alert, oldest first."""
        return [
            alert
            for message in self.get_json("receiver", "/")
            for alert in message["alerts"]
            if alert["labels"]["alertname"] == alertname and alert["status"] == status
        ]

    def mails(self, query: str) -> list[dict[str, Any]]:
        return list(self.get_json("mailpit", "/api/v1/search", query=query)["messages"])


def _docker(*args: str, stdin: bytes | None = None, show: bool = False) -> str:
    """show: what docker prints goes to the terminal, and nothing is returned."""
    done = subprocess.run(
        ["docker", *args],
        cwd=ROOT,
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        stdout=None if show else subprocess.PIPE,
        stderr=None if show else subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        error = (done.stderr or b"").decode(errors="replace")
        raise subprocess.CalledProcessError(done.returncode, ["docker", *args], error, error)
    return (done.stdout or b"").decode()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()
