"""The pipeline as Prometheus sees it: files, rows, loads, probes.

    DagsterCollector(instance, ..., more=pipeline_sources(get_settings()))

Loads are counted in the warehouse, in the transaction that commits them; probes in the alert store.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..alerting.metric_families import Histogram, counter, cumulative, gauge, histogram
from ..alerting.store.store import Store
from ..alerting.store.totals import Tally
from ..io.loader.ledger import FileState
from ..io.loader.totals import BOUNDS_S, DomainTotals
from ..observability.sources import Source, SourceCollector, SourceReader
from .probe_counts import FINDINGS, LAST_PROBE, PROBES

if TYPE_CHECKING:
    from prometheus_client import Metric

    from ..config.settings import Settings

# Both go through all that is there: files of the folder, rows of the quarantine.
WAREHOUSE_EVERY_S = 10.0
FOLDER_EVERY_S = 30.0
ROW_OUTCOMES = ("loaded", "superseded", "quarantined", "replayed")
FILE_OUTCOMES = ("loaded", "failed")
PROBE_OUTCOMES = ("passed", "found", "no_file")
_OF_DOMAIN = ("domain",)


@dataclass(frozen=True)
class WarehouseNumbers:
    """domains: those configured; the rest by domain, files by domain and state."""

    domains: tuple[str, ...] = ()
    totals: Mapping[str, DomainTotals] = field(default_factory=dict)
    files: Mapping[tuple[str, str], int] = field(default_factory=dict)
    open_rows: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Landed:
    """Of one domain: how many files discovery selects, and the mtime of the newest."""

    count: int
    newest_s: float | None


def pipeline_sources(settings: Settings) -> list[Source[Any]]:
    """What a collector asks of the pipeline. Nothing is opened before it is asked."""
    store = Store(settings.alerts_url)
    return [
        Source(
            "warehouse",
            lambda: _warehouse(settings),
            _loads,
            WarehouseNumbers(),
            every_s=WAREHOUSE_EVERY_S,
        ),
        Source(
            "landing_folder",
            lambda: _landed(settings),
            _folder,
            {},
            deadline_s=FOLDER_EVERY_S,
            every_s=FOLDER_EVERY_S,
        ),
        Source("probes", lambda: (store.totals(), _domains(settings)), _probes, (Tally(), ())),
    ]


def pipeline_collector(settings: Settings) -> SourceCollector:
    """A collector of the pipeline alone, for a registry without Dagster's."""
    return SourceCollector(SourceReader(source) for source in pipeline_sources(settings))


def _domains(settings: Settings) -> tuple[str, ...]:
    from ..config.data_sources import load_data_sources

    return tuple(sorted(load_data_sources(settings.data_sources_config).domains))


def _warehouse(settings: Settings) -> WarehouseNumbers:
    from sqlalchemy import func, select

    from ..io.loader import totals
    from ..io.loader.tables import files, quarantine
    from ..io.loader.warehouse_loader import Warehouse

    with Warehouse.open(settings.warehouse_url) as warehouse, warehouse.reading() as connection:
        if connection is None:
            return WarehouseNumbers(_domains(settings))
        states = select(files.c.domain, files.c.state, func.count())
        refused = select(quarantine.c.domain, func.count())
        refused = refused.where(quarantine.c.replayed_at.is_(None))
        return WarehouseNumbers(
            domains=_domains(settings),
            totals=totals.read(connection),
            files={
                (domain, state): count
                for domain, state, count in connection.execute(
                    states.group_by(files.c.domain, files.c.state)
                )
            },
            open_rows={
                row[0]: row[1] for row in connection.execute(refused.group_by(quarantine.c.domain))
            },
        )


def _loads(found: WarehouseNumbers) -> Iterator[Metric]:
    totals = {domain: found.totals.get(domain, DomainTotals()) for domain in found.domains}
    yield counter(
        "wdh_rows",
        "Rows of the files that were taken, by what became of them.",
        {
            (d, outcome): of.rows.get(outcome, 0.0)
            for d, of in totals.items()
            for outcome in ROW_OUTCOMES
        },
        ("domain", "outcome"),
    )
    yield counter(
        "wdh_loads",
        "Files that were taken, by whether they were loaded; each time counts.",
        {
            (d, outcome): of.files.get(outcome, 0.0)
            for d, of in totals.items()
            for outcome in FILE_OUTCOMES
        },
        ("domain", "outcome"),
    )
    yield histogram(
        "wdh_load_duration_seconds",
        "How long a file took, from reading to commit.",
        {(d,): Histogram(cumulative(BOUNDS_S, of.within), of.seconds) for d, of in totals.items()},
        _OF_DOMAIN,
    )
    yield gauge(
        "wdh_files",
        "Files of the ledger, by state.",
        {
            (domain, state.value): float(found.files.get((domain, state.value), 0))
            for domain in found.domains
            for state in FileState
        },
        ("domain", "state"),
    )
    yield gauge(
        "wdh_quarantine_open_rows",
        "Refused rows that wait for somebody.",
        {(domain,): float(found.open_rows.get(domain, 0)) for domain in found.domains},
        _OF_DOMAIN,
    )


def _landed(settings: Settings) -> dict[str, Landed]:
    from ..io.connectors.file_connector import DataSourceConnector

    connector = DataSourceConnector(settings.data_sources_config)
    found = {}
    for domain in _domains(settings):
        files = connector.discover(domain)
        times = [float(file.metadata["modified_time"]) for file in files]
        found[domain] = Landed(len(files), times[0] if times else None)
    return found


def _folder(found: Mapping[str, Landed]) -> Iterator[Metric]:
    yield gauge(
        "wdh_landing_folder_files",
        "Files in the landing folder that discovery selects.",
        {(domain,): float(of.count) for domain, of in found.items()},
        _OF_DOMAIN,
    )
    yield gauge(
        "wdh_newest_file_timestamp_seconds",
        "The mtime of the newest of them.",
        {(domain,): of.newest_s for domain, of in found.items() if of.newest_s is not None},
        _OF_DOMAIN,
    )


def _probes(read: tuple[Tally, Sequence[str]]) -> Iterator[Metric]:
    found, domains = read
    probes: dict[tuple[str, ...], float] = {
        (domain, outcome): 0.0 for domain in domains for outcome in PROBE_OUTCOMES
    }
    probes |= {(*of.of, of.label): n for of, n in found.totals.items() if of.name == PROBES}
    yield counter(
        "wdh_dq_probes", "Data-quality probes, by outcome.", probes, ("domain", "outcome")
    )
    yield counter(
        "wdh_dq_findings",
        "What data-quality probes found, by the alert it opens.",
        {(*of.of, of.label): n for of, n in found.totals.items() if of.name == FINDINGS},
        ("domain", "alertname"),
    )
    yield gauge(
        "wdh_dq_last_probe_timestamp_seconds",
        "When the newest file was last probed.",
        {of.of: last.at for of, last in found.latest.items() if of.name == LAST_PROBE},
        _OF_DOMAIN,
    )
