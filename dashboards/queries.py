"""A question to Prometheus, in the three forms that panels ask."""

from __future__ import annotations

from grafana_foundation_sdk.builders import prometheus as build
from grafana_foundation_sdk.models import dashboard as dashboards
from grafana_foundation_sdk.models import prometheus as model

SOURCE = dashboards.DataSourceRef(type_val="prometheus", uid="${datasource}")


def over_time(expr: str, legend: str = "") -> build.Dataquery:
    """A line for each series."""
    return _query(expr).range().legend_format(legend or "__auto")


def now(expr: str, legend: str = "") -> build.Dataquery:
    """One value for each series: its newest."""
    return _query(expr).instant().legend_format(legend or "__auto")


def rows(expr: str) -> build.Dataquery:
    """A row for each series: its labels, and its newest value."""
    return _query(expr).instant().format(model.PromQueryFormat.TABLE)


def counts(expr: str) -> build.Dataquery:
    """A histogram's buckets over time, for a heatmap."""
    return _query(expr).range().format(model.PromQueryFormat.HEATMAP).legend_format("{{le}}")


def _query(expr: str) -> build.Dataquery:
    return build.Dataquery().expr(expr).datasource(SOURCE)
