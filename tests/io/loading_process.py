"""Loads a file in a process of its own, which may kill itself (kill -9) on the way.

python -m tests.io.loading_process URL FOLDER NAME RUN [POINT]
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from work_data_hub.io import file_transaction
from work_data_hub.io.loader import row_writer, sqlite_rows
from work_data_hub.io.loader.warehouse_loader import Warehouse

from . import landing

BEFORE_COMMIT = ("rows half written", "rows written", "quarantine written", "ledger written")
COMMITTED = "committed"


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _after(function: Callable[..., Any]) -> Callable[..., Any]:
    def and_die(*args: Any, **kwargs: Any) -> None:
        function(*args, **kwargs)
        _die()

    return and_die


def _first(function: Callable[..., Iterable[Any]]) -> Callable[..., Iterator[Any]]:
    def one_and_die(*args: Any, **kwargs: Any) -> Iterator[Any]:
        yield next(iter(function(*args, **kwargs)))
        _die()

    return one_and_die


def die_at(point: str) -> None:
    """Put the end of this process where it is reached on the way."""
    places: dict[str, list[tuple[Any, str, Callable[..., Any]]]] = {
        "rows half written": [
            (row_writer, "_csv_pieces", _first),
            (sqlite_rows, "_parameters", _first),
        ],
        "rows written": [(row_writer, "replace_rows", _after)],
        "quarantine written": [(file_transaction, "replace_open_rows", _after)],
        "ledger written": [(file_transaction, "write_entry", _after)],
        COMMITTED: [(landing, "load_file", _after)],
    }
    for module, name, wrapped in places[point]:
        setattr(module, name, wrapped(getattr(module, name)))


if __name__ == "__main__":
    url, folder, name, run, *points = sys.argv[1:]
    for point in points:
        die_at(point)
    with Warehouse.open(url) as warehouse:
        report = landing.load(warehouse, landing.Landing(Path(folder)).found(name), run=run)
    print(report.rows_in, report.loaded, report.superseded, report.quarantined)
