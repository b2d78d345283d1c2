"""`wdh files`, `wdh quarantine`, `wdh sources`: what became of every file and every refused row."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .options import Domain, Json

files_app = typer.Typer(
    name="files", help="The ledger: every file, and what became of it.", invoke_without_command=True
)
quarantine_app = typer.Typer(
    name="quarantine", help="Rows that were not loaded, and why.", no_args_is_help=True
)
sources_app = typer.Typer(name="sources", help="data_sources.yml.", no_args_is_help=True)

FileFilter = Annotated[
    str | None, typer.Option("--file", help="Only this file, as `wdh files` names it.")
]


@files_app.callback()
def files(
    context: typer.Context, domain: Domain = "trustee_performance", as_json: Json = False
) -> None:
    """The ledger: every file that was dealt with, and what became of it."""
    if context.invoked_subcommand is not None:
        return
    from ..config.settings import get_settings
    from ..io.loader.ledger import Ledger
    from ..io.loader.warehouse_loader import Warehouse
    from .console import show_json, show_table

    settings = get_settings()
    with Warehouse.open(settings.warehouse_url) as warehouse:
        entries = sorted(Ledger(warehouse).entries(domain).values(), key=lambda e: e.order)
        where = warehouse.name
    if as_json:
        show_json([asdict(entry) for entry in entries])
        return
    show_table(
        f"Files of {domain} in {where}",
        ["file", "state", "rows in", "loaded", "superseded", "quarantined", "updated", "why"],
        [
            (
                entry.relative_path,
                entry.state.value,
                entry.rows_in,
                entry.loaded,
                entry.superseded,
                entry.quarantined,
                f"{entry.updated_at.astimezone():%Y-%m-%d %H:%M}",
                entry.reason,
            )
            for entry in entries
        ],
        right=["rows in", "loaded", "superseded", "quarantined"],
    )


@files_app.command("retry")
def files_retry(
    path: Annotated[str, typer.Argument(help="A file as `wdh files` names it, or its path.")],
    domain: Domain = "trustee_performance",
    as_json: Json = False,
) -> None:
    """Let a refused file be loaded again, as after a change of its content: by the next run."""
    from ..config.settings import get_settings
    from ..io.loader.ledger import Ledger
    from ..io.loader.warehouse_loader import Warehouse
    from .console import console, show_json
    from .errors import Mistake

    with Warehouse.open(get_settings().warehouse_url) as warehouse:
        ledger = Ledger(warehouse)
        entries = ledger.entries(domain).values()
        named = {path, str(Path(path).absolute())}
        entry = next((e for e in entries if named & {e.relative_path, e.path}), None)
        if entry is None:
            raise Mistake(f"the ledger of {domain} has no file {path}; `wdh files` names them")
        if not ledger.retry(entry):
            raise Mistake(f"{entry.relative_path} is {entry.state.value}, not refused")
    if as_json:
        show_json({"file": entry.relative_path, "state": "failed"})
    else:
        console().print(f"{entry.relative_path} waits for the next run", soft_wrap=True)


@quarantine_app.command("list")
def quarantine_list(
    domain: Domain = "trustee_performance",
    file: FileFilter = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows to show.")] = 100,
    as_json: Json = False,
) -> None:
    """The rows that wait in quarantine, with the cell that is to blame."""
    from ..config.settings import get_settings
    from ..io.loader.quarantine import Quarantine
    from ..io.loader.warehouse_loader import Warehouse
    from .console import console, show_json, show_table

    with Warehouse.open(get_settings().warehouse_url) as warehouse:
        quarantine = Quarantine(warehouse)
        rows = quarantine.rows(domain, file=file, limit=limit)
        counts = quarantine.counts(domain)
    if as_json:
        show_json([asdict(row) | {"cells": json.loads(row.cells)} for row in rows])
        return
    show_table(
        f"Rows of {domain} that were not loaded",
        ["file", "row", "reason", "column", "value"],
        [(row.file, row.row_number, row.reason, row.column, row.value) for row in rows],
        right=["row"],
    )
    total = sum(sum(of.values()) for name, of in counts.items() if file in (None, name))
    if total > len(rows):
        console().print(f"{len(rows)} of {total} rows; --limit shows more, export has all")


@quarantine_app.command("export")
def quarantine_export(
    output: Annotated[Path, typer.Argument(help="A CSV file that Excel opens; - for stdout.")],
    domain: Domain = "trustee_performance",
    file: FileFilter = None,
    as_json: Json = False,
) -> None:
    """Write every row in quarantine to a CSV file."""
    from ..config.settings import get_settings
    from ..io.loader.quarantine import Quarantine
    from ..io.loader.warehouse_loader import Warehouse
    from .console import console, show_json

    with Warehouse.open(get_settings().warehouse_url) as warehouse:
        quarantine = Quarantine(warehouse)
        if str(output) == "-":
            quarantine.export(domain, sys.stdout, file=file)
            return
        # Excel reads a CSV file as UTF-8 only with this mark at its beginning.
        with output.open("w", encoding="utf-8-sig", newline="") as stream:
            written = quarantine.export(domain, stream, file=file)
    if as_json:
        show_json({"file": str(output), "rows": written})
    else:
        console().print(f"{written} row(s) in {output}", soft_wrap=True)


@quarantine_app.command("replay")
def quarantine_replay(
    domain: Domain = "trustee_performance", file: FileFilter = None, as_json: Json = False
) -> None:
    """Process the rows in quarantine again, as the rules are today, and load those that pass."""
    from ..config.data_sources import load_data_sources
    from ..config.settings import get_settings
    from ..io.loader.warehouse_loader import Warehouse
    from ..io.replay import replay
    from .console import show_json, show_table

    settings = get_settings()
    source = load_data_sources(settings.data_sources_config).domain(domain)
    with Warehouse.open(settings.warehouse_url) as warehouse:
        reports = replay(warehouse, source, domain=domain, file=file)
    if as_json:
        show_json([asdict(report) for report in reports])
        return
    show_table(
        "Replayed",
        ["file", "rows", "loaded", "superseded", "still refused", "why"],
        [
            (
                report.file,
                report.rows,
                report.loaded,
                report.superseded,
                report.refused,
                report.error or ", ".join(f"{n} {why}" for why, n in report.reasons.items()),
            )
            for report in reports
        ],
        right=["rows", "loaded", "superseded", "still refused"],
    )


@sources_app.command("check")
def sources_check(
    file: Annotated[Path | None, typer.Argument(help="default: WDH_DATA_SOURCES_CONFIG")] = None,
    as_json: Json = False,
) -> None:
    """Read data_sources.yml as the pipeline does; every fault with its line and key."""
    from ..config.data_sources import load_data_sources
    from ..config.settings import get_settings
    from .console import show_json, show_table

    settings = get_settings()
    path = file or settings.data_sources_config
    domains = load_data_sources(path).domains
    if as_json:
        show_json({name: domain.model_dump(mode="json") for name, domain in domains.items()})
        return
    show_table(
        f"{path}: {len(domains)} domain(s), no fault; landing folder {settings.data_base_dir}",
        ["domain", "selects", "table", "key", "pattern"],
        [
            (name, domain.select.value, domain.table, ", ".join(domain.pk), domain.pattern)
            for name, domain in domains.items()
        ],
    )
