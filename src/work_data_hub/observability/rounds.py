"""Rounds: what a process does again and again, each in a thread of its own.

A round that raises is counted, logged once, and tried again after a while; the others go on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..alerting.logs import logger
from ..alerting.timing import wait_after_failure

# What it waits for may be back at any moment: a store that was down for a minute, say.
LONGEST_WAIT_S = 10.0

log = logger(__name__)


@dataclass(frozen=True)
class Round:
    """Something to do every `every_s` seconds.

    act: does it once. It may give the seconds until it wants its next turn, in place of every_s.
    limit_s: a turn that takes longer hangs.
    """

    name: str
    act: Callable[[], float | None]
    every_s: float
    limit_s: float = 60.0


@dataclass(frozen=True)
class Condition:
    """How a round fares. Times by `time.monotonic`.

    began: of the turn under way; None between two. good_at: the end of the last good turn; None
    before the first. failing_since: None while all is well. errors: turns that raised, in all.
    """

    name: str
    runs: bool
    began: float | None
    good_at: float | None
    failing_since: float | None
    errors: int
    last_error: str
    limit_s: float

    def hangs(self, now: float) -> bool:
        """The turn under way takes longer than one may, or its thread is gone."""
        return not self.runs or (self.began is not None and now - self.began > self.limit_s)

    def is_fresh(self, now: float, within_s: float) -> bool:
        """It came to a good end so recently."""
        return self.good_at is not None and now - self.good_at <= within_s


@dataclass
class _Lap:
    """One round, its thread, and what came of its turns."""

    round: Round
    wake: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None
    began: float | None = None
    good_at: float | None = None
    failing_since: float | None = None
    failures: int = 0
    errors: int = 0
    last_error: str = ""


class Rounds:
    """Starts the rounds, wakes them, stops them, and knows how they fare."""

    def __init__(
        self,
        rounds: Iterable[Round],
        *,
        describe: Callable[[Exception], str],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """describe: puts what a round raised into words that hold no secret."""
        self._laps = {round_.name: _Lap(round_) for round_ in rounds}
        self._describe = describe
        self._monotonic = monotonic
        self._stopping = threading.Event()

    def start(self) -> None:
        for lap in self._laps.values():
            lap.thread = threading.Thread(
                target=self._go_round, args=(lap,), name=lap.round.name, daemon=True
            )
            lap.thread.start()

    def wake(self, name: str) -> None:
        """Give this round its next turn at once."""
        self._laps[name].wake.set()

    def stop(self) -> None:
        """No round begins another turn; those under way come to their ends."""
        self._stopping.set()
        for lap in self._laps.values():
            lap.wake.set()

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def join(self, *, within_s: float) -> bool:
        """Waits for all turns under way; whether they ended in time."""
        ends_at = time.monotonic() + within_s
        threads = [lap.thread for lap in self._laps.values() if lap.thread is not None]
        for thread in threads:
            thread.join(max(0.0, ends_at - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def conditions(self) -> list[Condition]:
        return [
            Condition(
                name=lap.round.name,
                runs=lap.thread is not None and lap.thread.is_alive(),
                began=lap.began,
                good_at=lap.good_at,
                failing_since=lap.failing_since,
                errors=lap.errors,
                last_error=lap.last_error,
                limit_s=lap.round.limit_s,
            )
            for lap in self._laps.values()
        ]

    def _go_round(self, lap: _Lap) -> None:
        while not self._stopping.is_set():
            lap.wake.clear()
            wait_s = self._turn(lap)
            if self._stopping.is_set():  # perhaps said before `clear`
                return
            lap.wake.wait(wait_s)

    def _turn(self, lap: _Lap) -> float:
        """One turn; the seconds until the next."""
        lap.began = self._monotonic()
        try:
            wanted_s = lap.round.act()
        except Exception as err:  # noqa: BLE001 - the boundary of one round
            return self._failed(lap, err)
        finally:
            lap.began = None
        if lap.failures:
            log.info("round.recovered", round=lap.round.name, failures=lap.failures)
        lap.failures, lap.failing_since, lap.last_error = 0, None, ""
        lap.good_at = self._monotonic()
        return lap.round.every_s if wanted_s is None else wanted_s

    def _failed(self, lap: _Lap, err: Exception) -> float:
        lap.errors += 1
        lap.failures += 1
        lap.last_error = self._describe(err)
        if lap.failing_since is None:
            lap.failing_since = self._monotonic()
            log.warning(
                "round.failed", round=lap.round.name, error=lap.last_error, at=_raised_at(err)
            )
        return max(lap.round.every_s, wait_after_failure(lap.failures, longest_s=LONGEST_WAIT_S))


def _raised_at(err: Exception) -> str:
    """`feed.py:70`: where in the code, without what was in its variables."""
    trace = err.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
