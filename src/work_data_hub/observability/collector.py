"""A Dagster instance as Prometheus sees it: its storage, its webserver, and the store's totals.

    registry.register(DagsterCollector(instance, store=router.store, dagster_url=None))

Nothing is kept in memory but what is read in the background; docs/metrics.md lists the families.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from ..alerting.metric_families import gauge
from ..alerting.store.alert_counts import OTHER
from ..alerting.store.totals import Tally
from ..alerting.timing import utc_now
from . import instigator_metrics, run_metrics, tally
from .daemons import Patience
from .dagster_api import heartbeats, run_log, totals
from .dagster_api.heartbeats import Daemon
from .dagster_api.instigators import InstigatorReader
from .dagster_api.totals import AssetTimes
from .position import Position
from .run_metrics import Job
from .sources import Source, SourceCollector, SourceReader, overflowed
from .webserver import Webserver, Workspace

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from prometheus_client import Metric

    from ..alerting.store.store import Store

MAX_ASSETS = 100
# Code changes seldom, and the webserver takes a while over hundreds of schedules.
WEBSERVER_EVERY_S = 15.0
ASSET_TIME = "dagster_asset_last_materialization_timestamp_seconds"


class DagsterCollector(SourceCollector):
    """A collector for prometheus_client; it never raises and never hangs.

    store: where the tally counts. dagster_url: the webserver's; without it no metric of source
    `webserver` is there. more: sources of others, read and shown as these are.
    """

    def __init__(
        self,
        instance: DagsterInstance,
        *,
        store: Store,
        dagster_url: str | None,
        more: Sequence[Source[Any]] = (),
        patience: Patience | None = None,
        clock: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        def reader(source: Source[Any]) -> SourceReader[Any]:
            return SourceReader(source, monotonic=monotonic, clock=lambda: clock().timestamp())

        webserver = None
        if dagster_url:
            webserver = reader(_webserver(Webserver(dagster_url)))
        counted = _Counted(instance, store)
        sources: list[Source[Any]] = [
            Source("tally", counted.read, _ended, None),
            Source("runs", lambda: _under_way(instance, counted, clock()), list, _nothing_runs()),
            Source(
                "instigators",
                _Instigators(instance, webserver).read,
                instigator_metrics.metrics,
                (),
            ),
            Source(
                "daemons",
                lambda: heartbeats.daemons(instance),
                lambda found: _daemons(found, patience or Patience(), clock()),
                (),
            ),
            Source(
                "assets",
                lambda: totals.asset_times(instance, most=MAX_ASSETS),
                _assets,
                AssetTimes({}),
            ),
            Source("feed", lambda: _lags(instance, store, clock()), _lag, {}),
        ]
        readers = [reader(source) for source in (*sources, *more)]
        super().__init__([*([webserver] if webserver else []), *readers])

    def collect(self) -> Iterator[Metric]:
        yield from super().collect()
        yield _build_info()

    def describe(self) -> Iterator[Metric]:
        yield from super().describe()
        yield _build_info()


@dataclass
class _Counted:
    """The store's totals, once what had ended before this instance was first seen is among them."""

    instance: DagsterInstance
    store: Store
    jobs: frozenset[Job] = frozenset()

    def read(self) -> Tally | None:
        position = tally.position_in(self.store, self.instance)
        if position is None or not position.complete:
            return None
        found = self.store.totals()
        self.jobs = run_metrics.jobs_in(found)
        return found


@dataclass
class _Instigators:
    instance: DagsterInstance
    webserver: SourceReader[Workspace] | None

    def __post_init__(self) -> None:
        self._reader = InstigatorReader(self.instance)

    def read(self) -> list[instigator_metrics.Known]:
        workspace = self.webserver.latest() if self.webserver is not None else None
        return instigator_metrics.known(self._reader.read(), workspace)


def _ended(found: Tally | None) -> Iterator[Metric]:
    yield gauge(
        "wdh_tally_complete",
        "1 once all runs that had ended before the first start are counted.",
        {(): float(found is not None)},
    )
    yield from run_metrics.ended(found or Tally())


def _under_way(instance: DagsterInstance, counted: _Counted, now: datetime) -> list[Metric]:
    active = totals.active_runs(instance)
    return list(run_metrics.under_way(active, jobs=counted.jobs, now=now))


def _nothing_runs() -> list[Metric]:
    return list(run_metrics.under_way((), jobs=(), now=utc_now()))


def _webserver(asked: Webserver) -> Source[Workspace]:
    return Source(
        "webserver",
        asked.workspace,
        _locations,
        Workspace(),
        deadline_s=asked.deadline_s,
        every_s=WEBSERVER_EVERY_S,
    )


def _locations(workspace: Workspace) -> Iterator[Metric]:
    yield gauge(
        "dagster_code_location_load_error",
        "1 where the code location does not load.",
        {(name,): float(failed) for name, failed in workspace.load_errors.items()},
        ["location"],
    )


def _daemons(found: Sequence[Daemon], patience: Patience, now: datetime) -> Iterator[Metric]:
    yield gauge(
        "dagster_daemon_healthy",
        "1 where the daemon's last heartbeat is recent.",
        {
            (of.name, "true"): float(
                of.beat_at is not None and now - of.beat_at <= patience.with_beat(of.name)
            )
            for of in found
        },
        ["daemon_type", "required"],
    )
    yield gauge(
        "dagster_daemon_last_heartbeat_timestamp_seconds",
        "When the daemon last reported a heartbeat.",
        {(of.name,): of.beat_at.timestamp() for of in found if of.beat_at is not None},
        ["daemon_type"],
    )


def _assets(found: AssetTimes) -> Iterator[Metric]:
    times: dict[tuple[str, ...], float] = {(key,): at.timestamp() for key, at in found.at.items()}
    if found.oldest_of_others is not None:
        times[OTHER,] = found.oldest_of_others.timestamp()
    yield gauge(ASSET_TIME, "When the asset was last materialized.", times, ["asset_key"])
    yield overflowed({ASSET_TIME: found.others} if found.others else {})


def _lags(instance: DagsterInstance, store: Store, now: datetime) -> Mapping[str, timedelta]:
    """How old the oldest ending is that each reader has not read; none before its first round."""
    lags: dict[str, timedelta] = {}
    fed = store.get_cursor(f"feed:{run_log.storage_id(instance)}")
    if fed is not None:
        changes, _ = run_log.changes_after(instance, Position.from_text(fed).event_id, limit=1)
        lags["feed"] = now - changes[0].at if changes else timedelta(0)
    counted = tally.position_in(store, instance)
    if counted is not None:
        endings, _ = totals.endings_after(instance, counted.event_id, limit=1)
        lags["tally"] = now - endings[0].at if endings else timedelta(0)
    return lags


def _lag(lags: Mapping[str, timedelta]) -> Iterator[Metric]:
    yield gauge(
        "wdh_feed_lag_seconds",
        "How old the oldest ending of a run is that this reader has not read; 0 for none.",
        {(reader,): max(0.0, lag.total_seconds()) for reader, lag in lags.items()},
        ["reader"],
    )


def _build_info() -> Metric:
    return gauge(
        "wdh_build_info",
        "1, under the versions that run.",
        {(_version("work-data-hub"), _version("dagster")): 1.0},
        ["version", "dagster_version"],
    )


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
