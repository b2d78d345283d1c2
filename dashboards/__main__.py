"""Writes every dashboard as Grafana reads it: one JSON file each."""

from __future__ import annotations

from pathlib import Path

from .alerting import alerting
from .board import Board
from .data import data
from .overview import overview
from .runs import runs

SHIPPED = Path(__file__).parents[1] / "grafana" / "dashboards"


def boards() -> list[Board]:
    return [overview(), runs(), data(), alerting()]


def main() -> None:
    for board in boards():
        (SHIPPED / f"{board.name}.json").write_text(board.json(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
