"""Where the command line writes: tables for people on stdout, one JSON document for machines."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table


def console(*, to_stderr: bool = False) -> Console:
    """A console that keeps whole cells when its output is a file or a pipe."""
    width = None if os.environ.get("COLUMNS") else _width_of_pipe(to_stderr)
    return Console(stderr=to_stderr, width=width, soft_wrap=False, highlight=False)


def _width_of_pipe(to_stderr: bool) -> int | None:
    probe = Console(stderr=to_stderr)
    return None if probe.is_terminal else 160


def show_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Sequence[str] = (),
) -> None:
    """A table on stdout, or that there is none; the columns named in `right` are numbers."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    console().print(table if table.rows else f"{title}: none", markup=False)


def show_json(document: Any) -> None:
    """One JSON document on stdout, UTF-8, times as ISO 8601."""
    print(json.dumps(document, ensure_ascii=False, indent=2, default=_as_text))  # noqa: T201


def show_json_line(document: Any) -> None:
    """One of several documents, each a line of its own, at once also where a pipe reads it."""
    print(json.dumps(document, ensure_ascii=False, default=_as_text), flush=True)  # noqa: T201


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
