"""Where metrics come from: each source is read in a thread of its own, with a deadline.

A scrape neither fails nor hangs by one of them. What does not answer is `wdh_scrape_source_up 0`
and has no samples: the values of an earlier scrape are not shown as if they were of this one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..alerting.metric_families import counter, described, gauge

if TYPE_CHECKING:
    from prometheus_client import Metric

Reading = TypeVar("Reading")

# Prometheus gives a scrape 10 s.
# https://prometheus.io/docs/prometheus/latest/configuration/configuration/#configuration-file
DEADLINE_S = 5.0
# No scrape waits longer for one, whatever its deadline.
WAITS_S = 5.0
# What was read in the background is shown no longer than this.
FRESH_FOR_S = 60.0
# A thread that hangs for so long (a database behind a cut line) is left alone; another one asks.
GIVEN_UP_AFTER_S = 300.0


@dataclass(frozen=True)
class Source(Generic[Reading]):
    """One thing that is asked.

    read: asks it; raises whatever it likes. metrics: the families of its answer; those of `nothing`
    have the same names and labels. Both run in the source's thread.
    every_s: 0 for a source that each scrape asks. Else it is asked in the background, at most so
    often, and scrapes show what it said last.
    """

    name: str
    read: Callable[[], Reading]
    metrics: Callable[[Reading], Iterable[Metric]]
    nothing: Reading
    deadline_s: float = DEADLINE_S
    every_s: float = 0.0


@dataclass
class Attempt(Generic[Reading]):
    """One time that a source is asked. Complete when `done` is set."""

    began: float
    done: threading.Event = field(default_factory=threading.Event)
    ended: float = 0.0
    reading: Reading | None = None
    families: Sequence[Metric] = ()
    failed: bool = False
    is_late: bool = False


class SourceReader(Generic[Reading]):
    """Asks one source, one at a time; scrapes that overlap share the answer."""

    def __init__(
        self,
        source: Source[Reading],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.source = source
        self.errors = 0
        self.last_success: float | None = None
        self.took_s: float | None = None
        self._monotonic = monotonic
        self._clock = clock
        self._lock = threading.Lock()
        self._current: Attempt[Reading] | None = None
        self._finished: Attempt[Reading] | None = None

    def ask(self) -> Attempt[Reading]:
        """The attempt that is under way, or was not long ago; else a new one."""
        with self._lock:
            now, current = self._monotonic(), self._current
            if current is not None:
                age_s = now - current.began
                if age_s < (self.source.every_s if current.done.is_set() else GIVEN_UP_AFTER_S):
                    return current
            attempt = self._current = Attempt(began=now)
        name = f"scrape-{self.source.name}"
        threading.Thread(target=self._run, args=(attempt,), name=name, daemon=True).start()
        return attempt

    def answer(self, attempt: Attempt[Reading]) -> Attempt[Reading] | None:
        """What the source says to this scrape; waits for it until the attempt's deadline.

        In the background only where there is no fresh answer. None where the source failed, is
        late, or answered too long ago.
        """
        finished = self._finished
        if not self.source.every_s or finished is None or not self._is_fresh(finished):
            attempt.done.wait(max(0.0, min(self._left_s(attempt), WAITS_S)))
            finished = attempt
        self._note_if_late(attempt)
        if attempt.is_late or not finished.done.is_set() or finished.failed:
            return None
        return finished if self._is_fresh(finished) else None

    def latest(self) -> Reading | None:
        """What it said last, where that is fresh. Asks nothing."""
        finished = self._finished
        if finished is None or finished.failed or not self._is_fresh(finished):
            return None
        return finished.reading

    def _is_fresh(self, finished: Attempt[Reading]) -> bool:
        return self._monotonic() - finished.ended <= FRESH_FOR_S

    def _left_s(self, attempt: Attempt[Reading]) -> float:
        return attempt.began + self.source.deadline_s - self._monotonic()

    def _run(self, attempt: Attempt[Reading]) -> None:
        try:
            attempt.reading = self.source.read()
            attempt.families = list(self.source.metrics(attempt.reading))
        except Exception as err:  # noqa: BLE001 - one metric source: counted, logged, and a gauge
            attempt.failed = True
            _log(self.source.name, type(err).__name__, str(err))
        with self._lock:
            attempt.ended = self._monotonic()
            self.took_s = attempt.ended - attempt.began
            self.errors += attempt.failed
            if not attempt.failed:
                self.last_success = self._clock()
            if self._current is attempt:
                self._finished = attempt
            attempt.done.set()

    def _note_if_late(self, attempt: Attempt[Reading]) -> None:
        with self._lock:
            if attempt.done.is_set() or attempt.is_late or self._left_s(attempt) > 0:
                return
            attempt.is_late = True
            self.errors += 1
        _log(self.source.name, "late", f"no answer within {self.source.deadline_s:g} s")


class SourceCollector:
    """A collector for prometheus_client over sources; it never raises and never hangs."""

    def __init__(self, readers: Iterable[SourceReader[Any]]) -> None:
        self._readers = tuple(readers)

    def describe(self) -> Iterator[Metric]:
        """The families without samples: registering asks no source."""
        families = [r.source.metrics(r.source.nothing) for r in self._readers]
        yield from described(merged([*chain(*families), *_own(self._readers, up={})]))

    def collect(self) -> Iterator[Metric]:
        asked = [(reader, reader.ask()) for reader in self._readers]
        up: dict[str, float] = {}
        families: list[Metric] = []
        for reader, attempt in asked:
            answer = reader.answer(attempt)
            up[reader.source.name] = float(answer is not None)
            families += answer.families if answer is not None else ()
        yield from merged([*families, *_own(self._readers, up=up)])


def overflowed(names: Mapping[str, int]) -> Metric:
    """How many names are under `other` for their number, by metric; several sources have it."""
    return gauge(
        "wdh_scrape_overflowed",
        "Names beyond the bound, which are under 'other' now.",
        {(metric,): float(count) for metric, count in names.items()},
        ["metric"],
    )


def merged(families: Iterable[Metric]) -> list[Metric]:
    """Families of one name as one; Prometheus refuses a name that comes twice."""
    found: dict[str, Metric] = {}
    for family in families:
        before = found.get(family.name)
        if before is None:
            found[family.name] = family
            continue
        # A copy: what was read in the background is shown again.
        found[family.name] = both = copy(before)
        both.samples = [*before.samples, *family.samples]
    return list(found.values())


def _own(readers: Sequence[SourceReader[Any]], *, up: Mapping[str, float]) -> Iterator[Metric]:
    names = {reader: (reader.source.name,) for reader in readers}
    yield gauge(
        "wdh_scrape_source_up",
        "Whether the source answered within its deadline.",
        {(name,): value for name, value in up.items()},
        ["source"],
    )
    yield gauge(
        "wdh_scrape_source_duration_seconds",
        "How long the source's last answer took.",
        {name: r.took_s for r, name in names.items() if r.took_s is not None},
        ["source"],
    )
    yield counter(
        "wdh_scrape_source_errors",
        "Failures and missed deadlines of the source since this process started.",
        {name: float(r.errors) for r, name in names.items()},
        ["source"],
    )
    yield gauge(
        "wdh_scrape_source_last_success_timestamp_seconds",
        "When the source last answered.",
        {name: r.last_success for r, name in names.items() if r.last_success is not None},
        ["source"],
    )


def _log(source: str, error: str, detail: str) -> None:
    import structlog

    structlog.get_logger().warning(
        "scrape.source_failed", source=source, error=error, detail=detail.partition("\n")[0][:300]
    )
