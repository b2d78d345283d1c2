"""kill -9 at every step between publish and record: what publish() took is told."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import doomed
import pytest
from postgres_store import DatabaseClock

from work_data_hub.alerting import Alert, AlertRouter
from work_data_hub.alerting.errors import StoreUnavailable

SCRIPT = Path(doomed.__file__)
DISPATCHERS = 4

pytestmark = [pytest.mark.processes, pytest.mark.both_databases]


@pytest.fixture
def folder(tmp_path: Path, postgres: str | None) -> Path:
    """What the processes share. Their leases run out sooner: the database's clock runs fast."""
    if postgres is not None:
        (tmp_path / "url").write_text(postgres)
        _run_fast(tmp_path, rate=2)
    return tmp_path


@pytest.mark.parametrize(
    ("step", "copies"),
    [
        ("published", 1),
        ("routing", 1),
        ("claiming", 1),
        ("claimed", 1),
        ("delivering", 1),
        # The sink has it, the store does not know: this window is the one place of a duplicate.
        ("delivered", 2),
        ("recording", 2),
        ("recorded", 1),
    ],
)
def test_what_was_published_is_told_whatever_step_the_process_dies_at(
    folder: Path, step: str, copies: int
) -> None:
    assert _run(folder, step) == -signal.SIGKILL
    after = _after_the_lease(folder)
    after.dispatch(until_idle=True)
    told = _told(folder)
    assert [line["purpose"] for line in told] == ["open"] * copies
    assert len({line["key"] for line in told}) == 1
    assert after.dispatch() == 0
    after.close()


def test_what_was_never_published_leaves_nothing_behind(folder: Path) -> None:
    assert _run(folder, "publishing") == -signal.SIGKILL
    after = _after_the_lease(folder)
    assert after.store.incidents() == []
    alert = Alert({"alertname": "RunFailed", "job": "daily"}, event_key="run_failed:1")
    assert after.publish(alert) == "opened"
    after.close()


def test_two_hundred_alerts_published_and_killed_are_all_told(folder: Path) -> None:
    before = doomed.router_in(folder)
    before.publish_all(
        Alert({"alertname": "RunFailed", "job": f"job{i}"}, event_key=str(i)) for i in range(200)
    )
    before.close()
    assert _run(folder, "delivered") == -signal.SIGKILL
    after = _after_the_lease(folder)
    after.dispatch(until_idle=True)
    after.close()
    assert {f"job{i}" for i in range(200)} <= {line["job"] for line in _told(folder)}


def test_dispatchers_killed_again_and_again_lose_nothing_and_keep_the_order(folder: Path) -> None:
    jobs = [f"job{i}" for i in range(400)]
    publisher = doomed.router_in(folder)
    publisher.publish_all(Alert({"alertname": "RunFailed", "job": job}) for job in jobs)
    deaths = _dispatch_and_die(folder, jobs, publisher)
    assert len(_jobs_told(folder, "resolve")) >= len(jobs) // 2, "told while others died"
    publisher.resolve({"alertname": "RunFailed"})
    publisher.close()
    after = _after_the_lease(folder)
    after.drain(budget_s=5)
    after.close()
    told = _told(folder)
    assert deaths > 0
    for job in jobs:
        mine = [line for line in told if line["job"] == job]
        purposes = [line["purpose"] for line in mine]
        assert set(purposes) == {"open", "resolve"}
        assert purposes == sorted(purposes)
        # A receiver can tell a duplicate: it carries the key of the first.
        assert len({line["key"] for line in mine}) == 2


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no process can be stopped here")
def test_a_dispatcher_stopped_past_its_lease_neither_records_nor_tells_again(folder: Path) -> None:
    stopped = _start(folder, "stopping")
    ends_at = time.monotonic() + 60
    while not _is_stopped(stopped.pid) and time.monotonic() < ends_at:
        time.sleep(0.01)  # it publishes, and stops while its sink has the message
    after = _after_the_lease(folder)
    after.dispatch(until_idle=True)
    after.resolve({"alertname": "RunFailed"})
    after.drain(budget_s=2)
    told = _told(folder)
    # It was told, nobody knows it: so by the second one again, under the same key, and to its end.
    assert [line["purpose"] for line in told] == ["open", "open", "resolve"]
    assert told[0]["key"] == told[1]["key"]
    stopped.send_signal(signal.SIGCONT)
    assert stopped.wait(timeout=60) == 0
    assert _told(folder) == told
    (incident,) = after.store.incidents()
    outcomes = [a.outcome for a in after.store.attempts(incident.fingerprint)]
    assert outcomes == ["delivered", "delivered"]
    assert after.dispatch() == 0
    after.close()


def _is_stopped(pid: int) -> bool:
    done = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return done.stdout.startswith("T")


def _dispatch_and_die(folder: Path, jobs: list[str], publisher: AlertRouter) -> int:
    """Four dispatchers until every job was told of, and of half of them the end.

    Every hundredth message kills one at random, and ends what was told of that half so far.
    """
    chance = random.Random(3)
    half = set(jobs[::2])
    over: set[str] = set()
    running = [_start(folder, "endless") for _ in range(DISPATCHERS)]
    deaths = 0
    ends_at = time.monotonic() + 120
    while not _all_told(folder, jobs, half) and time.monotonic() < ends_at:
        if len(_told(folder)) >= 100 * (deaths + 1):
            victim = running.pop(chance.randrange(DISPATCHERS))
            victim.kill()
            victim.wait()
            deaths += 1
            running.append(_start(folder, "endless"))
            over |= _end(publisher, half & _jobs_told(folder) - over)
        elif len(_jobs_told(folder)) == len(jobs):
            over |= _end(publisher, half - over)
        assert [process.poll() for process in running] == [None] * DISPATCHERS
        time.sleep(0.01)  # other processes work meanwhile
    for process in running:
        process.kill()
        process.wait()
    return deaths


def _run(folder: Path, step: str) -> int:
    return subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), step], check=False, timeout=60
    ).returncode


def _start(folder: Path, step: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(SCRIPT), str(folder), step])


def _after_the_lease(folder: Path) -> Any:
    """A router for which the leases of the dead have run out."""
    if (folder / "url").exists():
        _run_fast(folder, rate=3)
    return doomed.router_in(folder, database_clock=lambda: time.time() * 3)


def _run_fast(folder: Path, *, rate: float) -> None:
    with closing(DatabaseClock((folder / "url").read_text())) as clock:
        clock.run(rate=rate)


def _told(folder: Path) -> list[dict[str, str]]:
    path = folder / "told.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def _jobs_told(folder: Path, purpose: str = "open") -> set[str]:
    return {line["job"] for line in _told(folder) if line["purpose"] == purpose}


def _all_told(folder: Path, jobs: list[str], half: set[str]) -> bool:
    return _jobs_told(folder) >= set(jobs) and _jobs_told(folder, "resolve") >= half


def _end(publisher: AlertRouter, jobs: set[str]) -> set[str]:
    """What fires of these jobs is over; gives those for which the store has taken it."""
    over_at = datetime.now(UTC)
    try:
        publisher.resolve_all(
            ({"alertname": "RunFailed", "job": job}, over_at) for job in sorted(jobs)
        )
    except StoreUnavailable:  # so many write
        return set()
    return jobs
