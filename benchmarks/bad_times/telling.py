"""What a receiver was told, by whom and when, and what that comes to: lost, twice, out of order."""

from __future__ import annotations

import statistics
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from work_data_hub.alerting.testing.http_server import Fault, HttpServer, Reply, Request

OURS, STOCK = "/ours", "/stock"
LONGEST_HOLD_S = 60.0


@dataclass(frozen=True)
class Told:
    """A message that was taken. teller: OURS or STOCK. at: seconds since the epoch."""

    teller: str
    partition: str
    at: float


class TimedReceiver(HttpServer):
    """Takes the messages of the router and of a stock sensor, and writes down when.

    away: while set, it answers 503. takes_s: how long it thinks before it answers. flows: while
    cleared, what comes hangs until it is set, and is not taken then. arrived: whose came to hang.
    """

    def __init__(self) -> None:
        super().__init__(self._take)
        self.told: list[Told] = []
        self.away = threading.Event()
        self.flows = threading.Event()
        self.flows.set()
        self.takes_s = 0.0
        self.arrived: Counter[str] = Counter()

    def stall(self) -> None:
        self.arrived.clear()
        self.flows.clear()

    def _take(self, request: Request) -> Reply:
        if not self.flows.is_set():
            self.arrived[request.path] += 1
            self.flows.wait(LONGEST_HOLD_S)
            return Reply(fault=Fault.DROP)
        time.sleep(self.takes_s)
        if self.away.is_set():
            return Reply(503)
        now = time.time()
        self.told += (Told(request.path, name, now) for name in _partitions(request))
        return Reply()


@dataclass(frozen=True)
class Tally:
    """What one teller made of one case. p50_s, p99_s: from when each was due; None for none told.

    late: messages that came after one of a later event. unasked: told of what is nobody's due.
    """

    lost: int
    twice: int
    late: int
    unasked: int
    p50_s: float | None
    p99_s: float | None

    def __str__(self) -> str:
        said = f"lost {self.lost}, twice {self.twice}, out of order {self.late}"
        if self.p50_s is not None:
            said += f", p50 {self.p50_s:.1f} s, p99 {self.p99_s:.1f} s"
        return said + (f"; {self.unasked} told unasked" if self.unasked else "")


def tally(due: Mapping[str, float], told: Sequence[Told]) -> Tally:
    """due: from when each partition was to be told of, in the order of the events."""
    first: dict[str, float] = {}
    for message in told:
        first.setdefault(message.partition, message.at)
    delays = [first[name] - at for name, at in due.items() if name in first]
    order = {name: number for number, name in enumerate(due)}
    numbers = [order[name] for name in first if name in order]
    late = sum(number < max(numbers[:n], default=-1) for n, number in enumerate(numbers))
    return Tally(
        lost=sum(name not in first for name in due),
        twice=sum(message.partition in due for message in told) - len(delays),
        late=late,
        unasked=sum(name not in due for name in first),
        p50_s=statistics.median(delays) if delays else None,
        p99_s=_p99(delays) if delays else None,
    )


def _p99(values: Sequence[float]) -> float:
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[98]


def _partitions(request: Request) -> list[str]:
    """Of what opens, by either teller; nothing for what is over or is not about a run."""
    if request.path == STOCK:
        return [str(request.json["partition"])]
    firing = (a["labels"] for a in request.json["alerts"] if a["status"] == "firing")
    return [labels["partition"] for labels in firing if labels.get("partition")]
