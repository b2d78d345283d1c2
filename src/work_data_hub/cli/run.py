"""`wdh run`, `wdh sample-data`, and what `make run` does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Domain, Json

if TYPE_CHECKING:
    from ..io.file_report import FileReport
    from .job_runs import Order

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="The landing folder; default: WDH_DATA_BASE_DIR.")
]


def run(  # noqa: PLR0917 - typer hands options over by position
    data_dir: DataDir = None,
    domain: Domain = "trustee_performance",
    max_files: Annotated[
        int, typer.Option(min=1, max=20, help="Files of one run; a larger folder takes more runs.")
    ] = 5,
    sheet: Annotated[
        str | None,
        typer.Option(
            help="A visible sheet's number, from 0, or its name; else data_sources.yml's."
        ),
    ] = None,
    mode: Annotated[str, typer.Option(help="delete_insert or append.")] = "delete_insert",
    pk: Annotated[
        str | None, typer.Option(help="Key columns a,b; default: data_sources.yml.")
    ] = None,
    execute: Annotated[
        bool, typer.Option("--execute/--plan-only", help="Write, or only say what would be.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Load every file that waits in the landing folder; without --execute, only say what would be.

    Exit code 1 when a file failed.
    """
    from .job_runs import Order

    if data_dir is not None:
        os.environ["WDH_DATA_BASE_DIR"] = str(data_dir)
    order = Order(
        domain=domain,
        max_files=max_files,
        sheet=int(sheet) if sheet and sheet.isdecimal() else sheet,
        mode=mode,
        plan_only=not execute,
        pk=tuple(column.strip() for column in pk.split(",")) if pk else None,
    )
    reports = _run_all(order, show_progress=not as_json)
    if as_json:
        from .console import show_json

        show_json([asdict(report) for report in reports])
    else:
        _show(reports, order)
    raise typer.Exit(1 if any(report.failed for report in reports) else 0)


def sample_data(
    directory: Annotated[Path, typer.Argument(help="Made if it is not there.")],
    mend: Annotated[
        bool, typer.Option("--mend", help="Only write what is broken there again, whole.")
    ] = False,
) -> None:
    """Write sample workbooks of several months: good, dirty, with totals, broken, without rows."""
    from .console import show_table
    from .sample_data import mend_sample_data, write_sample_data

    written = mend_sample_data(directory) if mend else write_sample_data(directory)
    show_table(
        f"Sample workbooks in {directory}",
        ["file", "what it holds"],
        [(file.relative_path, file.holds) for file in written],
    )


def demo() -> None:
    """`make run`: a sample landing folder if there is none, then everything in it that is new."""
    from ..config.settings import get_settings
    from .console import console
    from .job_runs import Order, alerts_log
    from .sample_data import broken_on_purpose

    folder = get_settings().data_base_dir
    if not folder.exists():
        sample_data(folder)
    order = Order("trustee_performance", 20, None, "delete_insert", plan_only=False)
    reports = _run_all(order, show_progress=True)
    _show(reports, order)
    _show_alerts()
    out = console()
    out.print(f"What was told by the log receiver: {alerts_log()}", soft_wrap=True)
    out.print("\nNext:")
    for command, what in (
        ("wdh files", "the ledger: every file, and what became of it"),
        ("wdh quarantine list", "every row that was not loaded, and why"),
        ("wdh alerts list", "what is wrong now"),
        ("make dev", "Dagster's pages on http://127.0.0.1:3000, schedule and sensors on"),
    ):
        out.print(f"  {command:<22} {what}")
    out.print("wdh is in .venv/bin; `. .venv/bin/activate` puts it on your PATH.")
    expected = broken_on_purpose(folder)
    surprising = [r.relative_path for r in reports if r.failed and r.relative_path not in expected]
    raise typer.Exit(1 if surprising else 0)


def _run_all(order: Order, *, show_progress: bool) -> list[FileReport]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from .console import console
    from .job_runs import run_batches, waiting_files, withdraw_what_is_gone

    files = waiting_files(order.domain)
    gone = [] if files or order.plan_only else withdraw_what_is_gone(order.domain)
    if show_progress:
        for name in gone:
            text = f"{name} had failed and is no longer there: its alerts are closed."
            console().print(text, soft_wrap=True, markup=False)
    reports: list[FileReport] = []
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    with Progress(
        *columns,
        TimeElapsedColumn(),
        console=console(to_stderr=True),
        transient=True,
        disable=not show_progress or not files,
    ) as bar:
        # Each file is read and then loaded: two steps.
        task = bar.add_task("starting Dagster", total=2 * len(files))

        def on_progress(name: str, step: str) -> None:
            bar.update(task, advance=1, description=f"{step} {name}")

        for batch in run_batches(files, order, on_progress, run_anyway=bool(gone)):
            reports += batch
    return reports


def _show(reports: Sequence[FileReport], order: Order) -> None:
    from .console import console, show_table

    if not reports:
        console().print(f"Nothing new for {order.domain}: see `wdh files`.")
        return
    would = "would be " if order.plan_only else ""
    counts = [f"{would}{name}" for name in ("loaded", "superseded", "quarantined")]
    show_table(
        f"{order.domain}: {len(reports)} file(s)" + (", nothing written" if would else ""),
        ["file", "rows in", *counts, "why"],
        [
            (r.relative_path, r.rows_in, r.loaded, r.superseded, r.quarantined, _why(r))
            for r in reports
        ],
        right=["rows in", *counts],
    )
    if order.plan_only:
        console().print("To load them: wdh run --execute")


def _why(report: FileReport) -> str:
    notes = [f"{count} {reason}" for reason, count in report.reasons.items()]
    if report.left_over:
        notes.append(f"{report.left_over} rows of an older version stay")
    if report.unchanged:
        notes.append("the same content is loaded already")
    if report.error is not None:
        return f"FAILED: {report.error}"
    return ", ".join(notes)


def _show_alerts() -> None:
    from ..alerting.sink import Status
    from .alert_router import alert_store
    from .console import show_table

    with alert_store() as store:
        found = store.incidents(status=Status.FIRING)
    show_table(
        "Alerts that are open",
        ["severity", "alert", "about", "summary"],
        [
            (
                incident.severity.value,
                incident.labels["alertname"],
                incident.labels.get("file") or incident.labels.get("job"),
                incident.annotations.get("summary", ""),
            )
            for incident in found
        ],
    )
