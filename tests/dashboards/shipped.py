"""The dashboards as they are shipped: every query of every panel, variable and annotation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "grafana" / "dashboards"
FILES = sorted(FOLDER.glob("*.json"))


@dataclass(frozen=True)
class Query:
    """where: the dashboard, and the panel's title or the variable's name. instant: of now alone."""

    where: str
    expr: str
    instant: bool = False


def board(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def boards() -> list[Any]:
    return [board(path) for path in FILES]


def panels(board: Any) -> list[Any]:
    """Those that show something: all but the headings of rows."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def panel_queries() -> list[Query]:
    return [
        Query(
            f"{board['title']}: {panel['title']} {target['refId']}",
            target["expr"],
            instant=target["instant"],
        )
        for board in boards()
        for panel in panels(board)
        for target in panel["targets"]
    ]


def annotation_queries() -> list[Query]:
    return [
        Query(f"{board['title']}: {annotation['name']}", annotation["expr"])
        for board in boards()
        for annotation in board["annotations"]["list"]
    ]


@dataclass(frozen=True)
class LabelValues:
    """A variable's query: the values that a label has in what the selector selects."""

    where: str
    name: str
    selector: str
    label: str


def variable_queries() -> list[LabelValues]:
    return [
        _label_values(board["title"], variable["name"], variable["query"]["query"])
        for board in boards()
        for variable in variables(board, "query")
    ]


def variables(board: Any, kind: str) -> Iterator[Any]:
    return (found for found in board["templating"]["list"] if found["type"] == kind)


def _label_values(title: str, name: str, query: str) -> LabelValues:
    read = re.fullmatch(r"label_values\((.*),(\w+)\)", query)
    assert read is not None, query
    return LabelValues(f"{title}: {name}", name, read[1], read[2])
