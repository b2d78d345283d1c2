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
class VariableQuery:
    """How Grafana finds a variable's values: those of a label in what is selected, or, where there
    is no label, what the pattern finds in each result of an expression.
    """

    where: str
    name: str
    selector: str
    label: str
    pattern: str


def variable_queries() -> list[VariableQuery]:
    return [
        _variable_query(f"{board['title']}: {variable['name']}", variable)
        for board in boards()
        for variable in variables(board, "query")
    ]


def variables(board: Any, kind: str) -> Iterator[Any]:
    return (found for found in board["templating"]["list"] if found["type"] == kind)


def _variable_query(where: str, variable: Any) -> VariableQuery:
    name, query = variable["name"], variable["query"]["query"]
    if of_label := re.fullmatch(r"label_values\((.*),(\w+)\)", query):
        return VariableQuery(where, name, of_label[1], of_label[2], pattern="")
    result = re.fullmatch(r"query_result\((.*)\)", query)
    assert result is not None, query
    return VariableQuery(where, name, result[1], "", pattern=variable["regex"].strip("/"))
