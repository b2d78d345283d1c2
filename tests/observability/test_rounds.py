"""Rounds: each in a thread, none in the way of another, none lost to what it raises."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from work_data_hub.observability.rounds import Condition, Round, Rounds

PATIENCE_S = 20.0
NEVER_S = 3_600.0


@contextmanager
def going(*rounds: Round) -> Iterator[Rounds]:
    made = Rounds(rounds, describe=lambda err: f"{type(err).__name__}: {err}")
    made.start()
    yield made
    made.stop()
    assert made.join(within_s=PATIENCE_S)


class Turns:
    """Counts its turns, and lets the test wait for one."""

    def __init__(self, does: Callable[[int], float | None] = lambda _: None) -> None:
        self.count = 0
        self._does = does
        self._came = threading.Condition()

    def __call__(self) -> float | None:
        with self._came:
            self.count += 1
            self._came.notify_all()
        return self._does(self.count)

    def wait_for(self, count: int) -> None:
        with self._came:
            assert self._came.wait_for(lambda: self.count >= count, PATIENCE_S)


def condition(rounds: Rounds, name: str) -> Condition:
    return next(found for found in rounds.conditions() if found.name == name)


def test_a_round_turns_at_once_and_when_it_is_woken() -> None:
    turns = Turns()
    with going(Round("one", turns, NEVER_S)) as rounds:
        turns.wait_for(1)
        rounds.wake("one")
        turns.wait_for(2)


def test_a_round_may_ask_for_its_next_turn_itself() -> None:
    turns = Turns(lambda count: 0.0 if count < 5 else None)
    with going(Round("one", turns, NEVER_S)):
        turns.wait_for(5)


def test_a_round_that_raises_is_counted_logged_once_and_goes_on_when_it_can(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")

    def fails_twice(count: int) -> None:
        if count <= 2:
            raise ConnectionError("away")

    turns, other = Turns(fails_twice), Turns(lambda _: 0.001)
    with going(Round("one", turns, 0.001), Round("other", other, 0.001)) as rounds:
        turns.wait_for(1)
        other.wait_for(other.count + 3)
        turns.wait_for(4)
        found = condition(rounds, "one")
        assert (found.errors, found.failing_since, found.last_error) == (2, None, "")
        assert condition(rounds, "other").errors == 0
    assert caplog.text.count("round.failed") == 1
    assert "ConnectionError: away" in caplog.text
    assert "test_rounds.py:" in caplog.text
    assert caplog.text.count("round.recovered") == 1


def test_a_round_that_fails_waits_longer_and_longer() -> None:
    rounds = Rounds([Round("one", Turns(), 0.5)], describe=str)
    (lap,) = rounds._laps.values()
    waits = [rounds._failed(lap, ValueError("away")) for _ in range(12)]
    assert 0.5 <= waits[0] <= 1.0
    assert waits[1] > waits[0]
    assert all(5.0 <= wait <= 10.0 for wait in waits[6:])


def test_what_takes_too_long_hangs_and_what_has_a_good_turn_is_fresh() -> None:
    release = threading.Event()

    def waits(_: int) -> None:
        release.wait(PATIENCE_S)

    turns = Turns(waits)
    with going(Round("one", turns, NEVER_S, limit_s=60.0)) as rounds:
        turns.wait_for(1)
        found = condition(rounds, "one")
        assert found.began is not None
        assert not found.hangs(found.began + 60.0)
        assert found.hangs(found.began + 61.0)
        assert not found.is_fresh(found.began, 60.0), "no turn has come to its end"
        release.set()
        rounds.wake("one")
        turns.wait_for(2)
        after = condition(rounds, "one")
        assert after.good_at is not None
        assert after.is_fresh(after.good_at + 60.0, 60.0)
        assert not after.is_fresh(after.good_at + 61.0, 60.0)


def test_stopping_waits_for_the_turn_under_way_and_begins_no_other() -> None:
    release = threading.Event()

    def waits(_: int) -> float:
        release.wait(PATIENCE_S)
        return 0.0

    turns = Turns(waits)
    rounds = Rounds([Round("one", turns, NEVER_S)], describe=str)
    rounds.start()
    turns.wait_for(1)
    rounds.stop()
    assert not rounds.join(within_s=0.0)
    release.set()
    assert rounds.join(within_s=PATIENCE_S)
    assert turns.count == 1
