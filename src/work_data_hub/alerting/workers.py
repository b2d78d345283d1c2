"""The threads that talk to sinks: a few for each, so that a dead one holds up no other."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from .errors import DeliveryError, Reason
from .plan import Plan
from .sink import AlertSink, Deadline, Notification, Receipt

# A sink that takes 50 ms is told 300 times a second; connections are kept for as many.
THREADS_PER_INTEGRATION = 16
# So many are enough for a quick one. More would only take the interpreter from each other, and from
# the dispatcher.
THREADS_OF_A_QUICK_ONE = 2
# One that gives nothing back for so long is not quick.
QUICK_S = 0.005
DELIVERY_DEADLINE_S = 10.0
# A sink that has not come back by then does not keep its deadline, and is not waited for.
OVERRUN_S = 2.0
KEEPS_NO_DEADLINE = "the sink does not keep its deadline"

Name = tuple[str, str]


@dataclass
class Job:
    """One notification on its way. lease_ends: by `time.monotonic`, moved on as it is renewed.

    halted: set when the integration failed meanwhile; what has not begun is then left alone.
    """

    name: Name
    plan: Plan
    notification: Notification
    sink: AlertSink
    lease_ends: float
    halted: threading.Event
    started: float | None = None
    abandoned: bool = False


@dataclass(frozen=True)
class Result:
    """What came of a job: a receipt, an error, or neither when it was not begun."""

    job: Job
    receipt: Receipt | None = None
    error: DeliveryError | None = None
    latency_s: float = 0.0

    @property
    def is_attempt(self) -> bool:
        return self.receipt is not None or self.error is not None


@dataclass
class _Lane:
    """The threads of one integration and what they have to do.

    busy: jobs that have not come back. moved: when one did, or the first of them was handed out, by
    `time.monotonic`.
    """

    jobs: SimpleQueue[Job | None] = field(default_factory=SimpleQueue)
    threads: int = 0
    busy: int = 0
    stuck: int = 0
    moved: float = 0.0

    @property
    def lacks_a_thread(self) -> bool:
        return self.threads < THREADS_PER_INTEGRATION and self.threads - self.stuck < self.busy


class _Inbox:
    """Results on their way back. Whoever waits for many is woken once, not for each."""

    def __init__(self) -> None:
        self._results: deque[Result] = deque()
        self._wanted = 1
        self._enough = threading.Event()

    def put(self, result: Result) -> None:
        self._results.append(result)
        if len(self._results) >= self._wanted:
            self._enough.set()

    def wait_for(self, wanted: int, *, timeout_s: float) -> bool:
        """Whether there are so many, now or before the time is over."""
        self._enough.clear()
        self._wanted = wanted
        return len(self._results) >= wanted or self._enough.wait(timeout_s)

    def take(self) -> list[Result]:
        return [self._results.popleft() for _ in range(len(self._results))]


class Workers:
    """Delivers jobs, each integration's in its own threads; results come in as they are done."""

    def __init__(self, *, describe: Callable[[Exception], str]) -> None:
        """describe: puts an error of a sink into words that hold no secret."""
        self._describe = describe
        self._lanes: dict[Name, _Lane] = {}
        self._inbox = _Inbox()

    def submit(self, job: Job) -> None:
        lane = self._lanes.setdefault(job.name, _Lane())
        if lane.busy == 0:
            lane.moved = time.monotonic()
        lane.busy += 1
        lane.jobs.put(job)
        if lane.lacks_a_thread and lane.threads - lane.stuck < THREADS_OF_A_QUICK_ONE:
            self._hire(job.name, lane)

    def outstanding(self, name: Name) -> int:
        """Jobs of this integration that have not come back."""
        lane = self._lanes.get(name)
        return lane.busy if lane else 0

    def is_stuck(self, name: Name) -> bool:
        """Every thread of this integration hangs in a sink that kept no deadline."""
        lane = self._lanes.get(name)
        return lane is not None and lane.stuck >= THREADS_PER_INTEGRATION

    def wait_for_any(self, *, timeout_s: float) -> bool:
        """Whether a result has come back, now or before the time is over."""
        if self._inbox.wait_for(1, timeout_s=min(QUICK_S, timeout_s)):
            return True
        self._hire_for_slow_ones()
        return self._inbox.wait_for(1, timeout_s=max(0.0, timeout_s - QUICK_S))

    def results(self, *, gather: int, gather_s: float) -> list[Result]:
        """What has come back, waiting a moment for so many."""
        self._inbox.wait_for(gather, timeout_s=gather_s)
        awaited = [result for result in self._inbox.take() if self._is_awaited(result.job)]
        self._hire_for_slow_ones()
        return awaited

    def abandon(self, job: Job) -> Result:
        """Waits no longer for a job whose sink does not come back.

        When that was the last thread of its integration, what is behind it comes back untried.
        """
        job.abandoned = True
        job.halted.set()
        lane = self._lanes[job.name]
        lane.busy -= 1
        lane.stuck += 1
        if lane.stuck == lane.threads:
            with suppress(Empty):
                while (behind := lane.jobs.get_nowait()) is not None:
                    self._inbox.put(Result(behind))
        error = DeliveryError(Reason.TIMEOUT, KEEPS_NO_DEADLINE)
        return Result(job, error=error, latency_s=DELIVERY_DEADLINE_S + OVERRUN_S)

    def close(self) -> None:
        """Lets idle threads end; one that hangs in a sink is left behind."""
        for lane in self._lanes.values():
            for _ in range(lane.threads):
                lane.jobs.put(None)
        self._lanes.clear()

    def _is_awaited(self, job: Job) -> bool:
        lane = self._lanes.get(job.name)
        if lane is None:
            return False
        lane.moved = time.monotonic()
        if job.abandoned:
            lane.stuck -= 1
            return False
        lane.busy -= 1
        return True

    def _hire_for_slow_ones(self) -> None:
        """As many threads as a sink has jobs, where it has given nothing back for a while."""
        long_ago = time.monotonic() - QUICK_S
        for name, lane in self._lanes.items():
            while lane.lacks_a_thread and lane.moved < long_ago:
                self._hire(name, lane)

    def _hire(self, name: Name, lane: _Lane) -> None:
        lane.threads += 1
        work = threading.Thread(
            target=self._work, args=(lane.jobs,), name=f"deliver {name[1]}", daemon=True
        )
        work.start()

    def _work(self, jobs: SimpleQueue[Job | None]) -> None:
        while (job := jobs.get()) is not None:
            self._inbox.put(self._attempt(job))

    def _attempt(self, job: Job) -> Result:
        job.started = begun = time.monotonic()
        if job.halted.is_set() or begun >= job.lease_ends:
            return Result(job)
        came = answer(
            job.sink, job.notification, Deadline(DELIVERY_DEADLINE_S), describe=self._describe
        )
        latency_s = time.monotonic() - begun
        if isinstance(came, Receipt):
            return Result(job, receipt=came, latency_s=latency_s)
        if not came.reason.permanent:
            job.halted.set()
        return Result(job, error=came, latency_s=latency_s)


def answer(
    sink: AlertSink,
    notification: Notification,
    deadline: Deadline,
    *,
    describe: Callable[[Exception], str],
) -> Receipt | DeliveryError:
    """What came of one attempt. describe: puts an error into words that hold no secret."""
    try:
        return sink.deliver(notification, deadline=deadline)
    except DeliveryError as err:
        return err.with_detail(describe(err))  # a plug-in quotes what it likes
    except Exception as err:  # noqa: BLE001  # one sink: its fault is its own
        return DeliveryError(Reason.INTERNAL, describe(err))
