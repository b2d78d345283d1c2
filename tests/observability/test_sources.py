"""A scrape over sources that fail, hang and come back: it neither fails nor hangs itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Metric, generate_latest
from structlog.testing import capture_logs

from work_data_hub.alerting.metric_families import gauge
from work_data_hub.observability import sources
from work_data_hub.observability.sources import (
    FRESH_FOR_S,
    GIVEN_UP_AFTER_S,
    Source,
    SourceCollector,
    SourceReader,
)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def families(value: float) -> Iterator[Metric]:
    yield gauge("some_value", "What the source said.", {(): value} if value else {})


def boom() -> float:
    raise RuntimeError("connection lost\nwith details")


class Hanging:
    """Answers when it is let go; raises nothing."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.asked = 0

    def __call__(self) -> float:
        self.asked += 1
        self.let_go.wait(60)
        return 7.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    made = Hanging()
    yield made
    made.let_go.set()


def join_readers() -> None:
    for thread in threading.enumerate():
        if thread.name == "scrape-bank":
            thread.join()


def one_after_another(*answers: Callable[[], float]) -> Callable[[], float]:
    left = iter(answers)

    def answer() -> float:
        return next(left)()

    return answer


def scrape_of(
    clock: Callable[[], float], read: Callable[[], float], *, deadline_s: float = 30.0, **more: Any
) -> Callable[[], dict[str, float]]:
    source = Source("bank", read, families, 0.0, deadline_s=deadline_s, **more)
    registry = CollectorRegistry()
    registry.register(SourceCollector([SourceReader(source, monotonic=clock, clock=clock)]))

    def scrape() -> dict[str, float]:
        with capture_logs():
            found = [sample for family in registry.collect() for sample in family.samples]
        return {sample.name.removeprefix("wdh_scrape_source_"): sample.value for sample in found}

    return scrape


def test_a_source_that_answers_is_up_and_timed(clock: Clock) -> None:
    assert scrape_of(clock, lambda: 7.0)() == {
        "some_value": 7.0,
        "up": 1.0,
        "duration_seconds": 0.0,
        "errors_total": 0.0,
        "last_success_timestamp_seconds": 1_000.0,
    }


def test_a_source_that_raises_is_a_gauge_at_0_and_counted(clock: Clock) -> None:
    scrape = scrape_of(clock, one_after_another(lambda: 7.0, boom, boom, lambda: 8.0))
    assert scrape()["some_value"] == 7.0
    for errors in (1, 2):
        clock.now += 15
        found = scrape()
        assert "some_value" not in found
        assert (found["up"], found["errors_total"]) == (0.0, errors)
        assert found["last_success_timestamp_seconds"] == 1_000.0
    assert scrape()["some_value"] == 8.0


def test_what_raises_between_answer_and_families_fails_no_scrape(clock: Clock) -> None:
    source: Source[Any] = Source("bank", lambda: "seven", lambda v: [v.no_such_thing], 0.0)
    with capture_logs():
        collected = list(SourceCollector([SourceReader(source, monotonic=clock)]).collect())
    assert collected[0].samples[0].value == 0.0


def test_a_source_that_hangs_is_waited_for_until_its_deadline_and_shown_once_it_answers(
    hanging: Hanging,
) -> None:
    scrape = scrape_of(time.monotonic, hanging, deadline_s=1.0)
    began = time.monotonic()
    found = scrape()
    assert 1.0 <= time.monotonic() - began < 10.0
    assert "some_value" not in found
    assert (found["up"], found["errors_total"]) == (0.0, 1.0)
    found = scrape()
    assert (found["up"], found["errors_total"], hanging.asked) == (0.0, 1.0, 1)
    hanging.let_go.set()
    join_readers()
    assert scrape()["some_value"] == 7.0


def test_a_thread_that_hangs_for_minutes_is_replaced(clock: Clock, hanging: Hanging) -> None:
    scrape = scrape_of(clock, hanging, deadline_s=0.0)
    scrape()
    clock.now += GIVEN_UP_AFTER_S - 1
    scrape()
    assert hanging.asked == 1
    clock.now += 1
    scrape()
    assert hanging.asked == 2


def test_in_the_background_it_is_asked_at_most_so_often_and_its_last_answer_is_shown(
    clock: Clock,
) -> None:
    asked: list[float] = []
    scrape = scrape_of(clock, lambda: asked.append(clock.now) or 7.0, every_s=15.0)
    for _ in range(3):
        assert scrape()["some_value"] == 7.0
        clock.now += 5
    assert asked == [1_000.0]
    assert scrape()["some_value"] == 7.0
    join_readers()
    assert asked == [1_000.0, 1_015.0]


def test_scrapes_that_are_far_apart_wait_for_a_fresh_answer(clock: Clock) -> None:
    asked: list[float] = []
    scrape = scrape_of(clock, lambda: asked.append(clock.now) or 7.0, every_s=15.0)
    for _ in range(3):
        assert scrape()["some_value"] == 7.0
        clock.now += FRESH_FOR_S + 1
    assert len(asked) == 3


def test_an_old_answer_is_not_shown_as_fresh(
    clock: Clock, hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    scrape = scrape_of(
        clock, one_after_another(lambda: 7.0, hanging), every_s=15.0, deadline_s=FRESH_FOR_S * 2
    )
    assert scrape()["some_value"] == 7.0
    monkeypatch.setattr(sources, "WAITS_S", 0.0)
    clock.now += FRESH_FOR_S
    assert scrape()["some_value"] == 7.0  # it is being asked anew
    clock.now += 1
    found = scrape()
    assert "some_value" not in found
    assert found["up"] == 0.0


def test_one_that_hangs_in_the_background_is_down_after_its_deadline(
    clock: Clock, hanging: Hanging
) -> None:
    scrape = scrape_of(clock, one_after_another(lambda: 7.0, hanging), every_s=15.0, deadline_s=5.0)
    assert scrape()["up"] == 1.0
    clock.now += 15
    assert scrape()["up"] == 1.0
    clock.now += 5
    found = scrape()
    assert (found["up"], found["errors_total"]) == (0.0, 1.0)


def test_scrapes_that_overlap_share_one_answer(hanging: Hanging) -> None:
    source = Source("bank", hanging, families, 0.0)
    collector = SourceCollector([SourceReader(source)])
    found: list[bytes] = []

    def scrape() -> None:
        registry = CollectorRegistry()
        registry.register(collector)
        found.append(generate_latest(registry))

    threads = [threading.Thread(target=scrape) for _ in range(4)]
    for thread in threads:
        thread.start()
    while hanging.asked == 0:
        threading.Event().wait(0.001)
    hanging.let_go.set()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(b"some_value 7.0" in text for text in found)


def test_registering_asks_no_source(clock: Clock) -> None:
    reader = SourceReader(Source("bank", boom, families, 0.0), monotonic=clock)
    described = list(SourceCollector([reader]).describe())
    assert "some_value" in [family.name for family in described]
    assert all(family.samples == [] for family in described)
    assert reader.errors == 0
