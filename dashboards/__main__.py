"""Writes every dashboard as Grafana reads it: one JSON file each."""

from __future__ import annotations

import argparse
from pathlib import Path

from .addresses import Addresses
from .alerting import alerting
from .board import Board
from .data import data
from .overview import overview
from .runs import runs

SHIPPED = Path(__file__).parents[1] / "grafana" / "dashboards"


def boards(addresses: Addresses) -> list[Board]:
    return [make(addresses) for make in (overview, runs, data, alerting)]


def main() -> None:
    shipped = Addresses()
    reads = argparse.ArgumentParser(prog="python -m dashboards", description=__doc__)
    reads.add_argument("--out", type=Path, default=SHIPPED, help="a folder; default: %(default)s")
    reads.add_argument("--dagster-url", default=shipped.dagster, help="default: %(default)s")
    reads.add_argument("--runbook-url", default=shipped.runbooks, help="default: %(default)s")
    told = reads.parse_args()
    told.out.mkdir(parents=True, exist_ok=True)
    for board in boards(Addresses(told.dagster_url, told.runbook_url)):
        (told.out / f"{board.name}.json").write_text(board.json(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
