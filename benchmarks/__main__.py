"""`make bench`: every figure that docs/figures.md keeps. Names of modules run only those."""

from __future__ import annotations

import importlib
import sys

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Figure

MODULES = (
    "start_up",
    "discovery",
    "read_and_process",
    "load",
    "probe",
    "publish",
    "busy_store",
    "delivery",
    "storm",
    "kill9",
    "dead_sink",
    "alertmanager",
    "hook",
    "dispatch_history",
    "metrics_scrape",
    "feed_tick",
    "feed_delay",
    "stock_sensor",
    "bad_times",
    "serve_leak",
    "scrape",
)


def main(names: list[str]) -> int:
    """0 when every figure holds."""
    figures: list[Figure] = []
    console = Console(stderr=True)
    for name in names or MODULES:
        with console.status(f"measuring {name}"):
            figures += importlib.import_module(f"benchmarks.{name}").figures()
    table = Table("figure", "measured", "promised", "", "beside it")
    for figure in figures:
        sign = "≥" if figure.at_least else "≤"
        table.add_row(
            figure.what,
            f"{figure.value:.2f} {figure.unit}",
            f"{sign} {figure.bound:g} {figure.unit}",
            "holds" if figure.holds else "MISSED",
            figure.note,
        )
    Console(width=160).print(table)
    return 0 if all(figure.holds for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
