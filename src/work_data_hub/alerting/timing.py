"""When things are told: durations as Alertmanager writes them, ticks, waits after a failure.

Times are seconds since the epoch. Pure functions.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime

# https://github.com/prometheus/common/blob/main/model/time.go
_UNITS_S = {
    "y": 365 * 86_400.0,
    "w": 7 * 86_400.0,
    "d": 86_400.0,
    "h": 3_600.0,
    "m": 60.0,
    "s": 1.0,
    "ms": 0.001,
}
# Go counts nanoseconds in 64 bits.
_LONGEST_S = 2**63 / 1e9
_DURATION = re.compile("".join(rf"(?:(?P<{unit}>[0-9]+){unit})?" for unit in _UNITS_S))

RETRY_FIRST_S = 1.0
RETRY_LONGEST_S = 300.0
# A sink that does not answer is probed this often at least, however long it has been away.
PROBE_LONGEST_S = 30.0
# A server can ask for any wait; more than this is taken for a fault of its clock or its header.
RETRY_AFTER_LONGEST_S = 3_600.0


class Budget:
    """Seconds that may still be spent, by a clock that is set now and then: what it steps back is
    not given back, and what it steps forward is spent.
    """

    def __init__(self, seconds: float, *, clock: Callable[[], float]) -> None:
        self._left_s = seconds
        self._clock = clock
        self._seen = clock()

    @property
    def left_s(self) -> float:
        """0 and less when it is spent."""
        now = self._clock()
        self._left_s -= max(0.0, now - self._seen)
        self._seen = now
        return self._left_s


def utc_now() -> datetime:
    """The clock of the house, where none is injected."""
    return datetime.now(UTC)


def moment(seconds: float) -> datetime:
    """Seconds since the epoch as an aware datetime."""
    return datetime.fromtimestamp(seconds, UTC)


def seconds_of(duration: str) -> float:
    """`1h30m` as 5400.0. Units y w d h m s ms, in this order, each once; `0` alone is 0.

    Raises ValueError on anything else.
    """
    match = _DURATION.fullmatch(duration)
    if duration == "0":
        return 0.0
    if not duration or match is None:
        raise ValueError(f"{duration!r} is not a duration; write it like 30s, 5m or 1h30m")
    seconds = sum(float(count) * _UNITS_S[unit] for unit, count in match.groupdict("0").items())
    if seconds > _LONGEST_S:
        raise ValueError(f"{duration!r} is longer than a duration can be: 292 years")
    return seconds


def duration_text(seconds: float) -> str:
    """5400.0 as `1h30m`, which `seconds_of` reads back; years and weeks only where it is even."""
    left_ms = round(seconds * 1_000)
    text = ""
    for unit, unit_s in _UNITS_S.items():
        unit_ms = round(unit_s * 1_000)
        if unit in ("y", "w") and left_ms % unit_ms:
            continue
        count, left_ms = divmod(left_ms, unit_ms)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def first_flush(*, started_at: float, received_at: float, group_wait_s: float) -> float:
    """When a new group is told first: after group_wait, at once for what began before that.

    https://github.com/prometheus/alertmanager/blob/main/dispatch/dispatch.go (aggrGroup.insert)
    """
    return received_at if started_at + group_wait_s < received_at else received_at + group_wait_s


def tick_at_or_after(moment_s: float, *, flushed_at: float, group_interval_s: float) -> float:
    """The first of the ticks flushed_at + k * group_interval, k >= 1, not before the moment."""
    ticks = max(1, math.ceil((moment_s - flushed_at) / group_interval_s))
    return flushed_at + ticks * group_interval_s


def wait_after_failure(
    failures: int,
    *,
    longest_s: float = RETRY_LONGEST_S,
    jitter: Callable[[], float] = random.random,
) -> float:
    """Seconds to wait after so many failures in a row: doubling, the upper half of it random."""
    full = min(longest_s, math.ldexp(RETRY_FIRST_S, min(failures - 1, 30)))
    return full / 2 + full / 2 * jitter()
