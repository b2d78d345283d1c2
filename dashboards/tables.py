"""Tables: a row for each thing, its columns from several queries joined on its labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common as build_common
from grafana_foundation_sdk.builders import prometheus as queries
from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models import common, dashboard

from .links import Link
from .panels import Size, Words, dressed


@dataclass(frozen=True)
class Column:
    """field: a label, or `Value #A` for the value of query A (`Value` where there is one query).

    mappings give the text its colour. thresholds do so for a number. none: in a cell without value.
    """

    field: str
    title: str
    unit: str = ""
    mappings: Sequence[dashboard.ValueMapping] = ()
    thresholds: dashboard.ThresholdsConfig | None = None
    link: Link | None = None
    width: int | None = None
    none: str = "–"


def rows_of(
    words: Words,
    columns: Sequence[Column],
    *asks: queries.Dataquery,
    size: Size,
    sort: str,
    descending: bool = False,
) -> table.Panel:
    """A table with these columns in this order, sorted by the one titled `sort`."""
    panel = dressed(table.Panel(), words, size, asks, "short").sort_by(
        [build_common.TableSortByFieldState().display_name(sort).desc(descending)]
    )
    if len(asks) > 1:
        panel.with_transformation(dashboard.DataTransformerConfig("merge", options={}))
    panel.with_transformation(
        dashboard.DataTransformerConfig(
            "organize",
            options={
                "excludeByName": dict.fromkeys(_left_out(columns, len(asks)), True),
                "indexByName": {column.field: place for place, column in enumerate(columns)},
                "renameByName": {column.field: column.title for column in columns},
            },
        )
    )
    for column in columns:
        panel.override_by_name(column.title, _properties(column))
    return panel.cell_height(common.TableCellHeight.SM)


def _left_out(columns: Sequence[Column], queries_asked: int) -> list[str]:
    """What Grafana adds to the labels: the time, and a query's value that is 1 and says nothing."""
    values = [f"Value #{chr(ord('A') + place)}" for place in range(queries_asked)]
    shown = {column.field for column in columns}
    return [
        name
        for name in ("Time", *(values if queries_asked > 1 else ["Value"]))
        if name not in shown
    ]


def _properties(column: Column) -> list[dashboard.DynamicConfigValue]:
    found = [dashboard.DynamicConfigValue("noValue", column.none)]
    if column.unit:
        found.append(dashboard.DynamicConfigValue("unit", column.unit))
    if column.mappings:
        found.append(dashboard.DynamicConfigValue("mappings", list(column.mappings)))
    if column.thresholds is not None:
        found.append(dashboard.DynamicConfigValue("thresholds", column.thresholds))
        found.append(dashboard.DynamicConfigValue("color", {"mode": "thresholds"}))
    if column.mappings or column.thresholds is not None:
        coloured = common.TableColorTextCellOptions()
        found.append(dashboard.DynamicConfigValue("custom.cellOptions", coloured))
    if column.link is not None:
        found.append(dashboard.DynamicConfigValue("links", [column.link.for_data()]))
    if column.width is not None:
        found.append(dashboard.DynamicConfigValue("custom.width", column.width))
    return found
