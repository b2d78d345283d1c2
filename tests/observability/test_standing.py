"""Alerts that stand as long as some process finds it so: what the processes note of each other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest

from work_data_hub.alerting import Alert, AlertRouter
from work_data_hub.observability.standing import Standing

from .stores import firing

NOW = datetime(2024, 11, 5, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PROCESSES = 6
WRONG = Alert({"alertname": "RoundFailing", "round": "feed"})


@pytest.fixture
def routers(tmp_path: Path) -> Iterator[list[AlertRouter]]:
    """Of as many processes, over one store."""
    path, url = tmp_path / "alerts.yml", f"sqlite:///{tmp_path / 'alerts.db'}"
    with ExitStack() as open_:
        made = [AlertRouter.from_file(path, url) for _ in range(PROCESSES)]
        for router in made:
            open_.callback(router.close)
        yield made


def at_once(act: Callable[[int], None]) -> None:
    together = Barrier(PROCESSES)

    def begin(n: int) -> None:
        together.wait(60)
        act(n)

    with ThreadPoolExecutor(PROCESSES) as threads:
        list(threads.map(begin, range(PROCESSES)))


def test_what_they_note_at_once_is_all_noted(routers: list[AlertRouter]) -> None:
    standing = [Standing("RoundFailing") for _ in routers]
    store = routers[0].store
    at_once(lambda n: standing[n].keep(routers[n], [WRONG], now=NOW))
    assert len(json.loads(store.get_cursor("standing:RoundFailing") or "")) == PROCESSES
    assert len(firing(routers[0])) == 1
    at_once(lambda n: standing[n].keep(routers[n], [], now=NOW))
    assert store.get_cursor("standing:RoundFailing") == "{}"
    assert firing(routers[0]) == []


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["on", "back"])
def test_a_clock_that_is_set_leaves_nothing_open_for_as_long(
    routers: list[AlertRouter], step: timedelta
) -> None:
    Standing("RoundFailing").keep(routers[0], [WRONG], now=NOW)
    well = Standing("RoundFailing")
    well.keep(routers[1], [], now=NOW)
    assert len(firing(routers[0])) == 1
    well.keep(routers[1], [], now=NOW + step)
    assert firing(routers[0]) == []


@pytest.mark.parametrize("text", ["", "nan", "[]", '{"a": 1}', '{"a": ["x", []]}'])
def test_a_note_that_nobody_can_read_is_none(routers: list[AlertRouter], text: str) -> None:
    first = routers[0]
    first.publish(WRONG)
    first.store.set_cursor("standing:RoundFailing", text)
    Standing("RoundFailing").keep(first, [], now=NOW)
    assert firing(first) == []
    Standing("RoundFailing").keep(first, [WRONG], now=NOW)
    assert len(firing(first)) == 1
