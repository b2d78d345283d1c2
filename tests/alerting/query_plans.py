"""How SQLite goes about what a piece of code asks it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, event


def steps_of(connection: Connection, ask: Callable[[Connection], object]) -> list[tuple[str, str]]:
    """(statement, step of its plan) for every statement that `ask` executes, as it is executed."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
        asked.append((statement, given[0] if isinstance(given, list) else given))

    event.listen(connection, "before_cursor_execute", note)
    ask(connection)
    event.remove(connection, "before_cursor_execute", note)
    assert asked
    return [
        (statement, step)
        for statement, given in asked
        for *_, step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)
    ]
