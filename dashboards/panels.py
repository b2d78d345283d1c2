"""How each kind of panel looks. Every panel says in English and in Chinese what it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

from grafana_foundation_sdk.builders import common as build_common
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import heatmap, stat, statetimeline, timeseries
from grafana_foundation_sdk.builders import prometheus as queries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models import heatmap as heatmaps

from .look import GOOD, steps
from .queries import SOURCE

# A panel of whatever kind, as a dashboard takes it.
Drawn = Builder[dashboard.Panel]


@dataclass(frozen=True)
class Words:
    """What stands around a panel's data. none: what it says where there is no data."""

    title: str
    en: str
    zh: str
    none: str = "none"


@dataclass(frozen=True)
class Size:
    """A line has 24 columns; a unit of height is some 30 pixels."""

    width: int
    height: int = 8


class Panel(Protocol):
    """What the kinds of panels have in common."""

    def title(self, title: str) -> Self: ...
    def description(self, description: str) -> Self: ...
    def datasource(self, datasource: dashboard.DataSourceRef) -> Self: ...
    def span(self, w: int) -> Self: ...
    def height(self, h: int) -> Self: ...
    def with_target(self, target: queries.Dataquery) -> Self: ...
    def no_value(self, no_value: str) -> Self: ...
    def unit(self, unit: str) -> Self: ...
    def build(self) -> dashboard.Panel: ...


P = TypeVar("P", bound=Panel)


def dressed(panel: P, words: Words, size: Size, asks: Sequence[queries.Dataquery], unit: str) -> P:
    """The panel with its words, its place's size and its queries, named A, B, C, ..."""
    for place, query in enumerate(asks):
        panel.with_target(query.ref_id(chr(ord("A") + place)))
    return (
        panel.title(words.title)
        .description(f"{words.en}\n\n{words.zh}")
        .no_value(words.none)
        .datasource(SOURCE)
        .span(size.width)
        .height(size.height)
        .unit(unit)
    )


def number(
    words: Words,
    query: queries.Dataquery,
    *,
    size: Size,
    unit: str = "short",
    colors: build.ThresholdsConfig | None = None,
    mappings: Sequence[dashboard.ValueMapping] = (),
    decimals: int | None = 0,
    with_history: bool = False,
    filled: bool = False,
) -> stat.Panel:
    """One number, or a word for it. filled: the tile has the colour, not the number."""
    panel = (
        dressed(stat.Panel(), words, size, [query], unit)
        .thresholds(colors or steps("text"))
        .color_scheme(build.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS))
        .mappings(list(mappings))
        .reduce_options(build_common.ReduceDataOptions().calcs(["lastNotNull"]))
        .graph_mode(
            common.BigValueGraphMode.AREA if with_history else common.BigValueGraphMode.NONE
        )
        .color_mode(
            common.BigValueColorMode.BACKGROUND if filled else common.BigValueColorMode.VALUE
        )
        .text_mode(common.BigValueTextMode.VALUE)
        .justify_mode(common.BigValueJustifyMode.AUTO)
    )
    return panel if decimals is None else panel.decimals(decimals)


def lines(
    words: Words,
    *asks: queries.Dataquery,
    size: Size,
    unit: str = "short",
    colors: Mapping[str, str] | None = None,
    limit: build.ThresholdsConfig | None = None,
) -> timeseries.Panel:
    """Lines over time. colors: of the series by their name; limit: drawn as a dashed line."""
    return (
        _over_time(words, asks, size=size, unit=unit, colors=colors or {}, limit=limit)
        .draw_style(common.GraphDrawStyle.LINE)
        .fill_opacity(8)
        .show_points(common.VisibilityMode.NEVER)
    )


def bars(
    words: Words,
    *asks: queries.Dataquery,
    size: Size,
    colors: Mapping[str, str] | None = None,
    limit: build.ThresholdsConfig | None = None,
    window: str = "5m",
) -> timeseries.Panel:
    """What was counted in each step of time, stacked; no step is shorter than `window`."""
    return (
        _over_time(words, asks, size=size, unit="short", colors=colors or {}, limit=limit)
        .draw_style(common.GraphDrawStyle.BARS)
        .fill_opacity(80)
        .line_width(0)
        .bar_alignment(common.BarAlignment.BEFORE)
        .stacking(build_common.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
        .interval(window)
        .decimals(0)
    )


def _over_time(
    words: Words,
    asks: Sequence[queries.Dataquery],
    *,
    size: Size,
    unit: str,
    colors: Mapping[str, str],
    limit: build.ThresholdsConfig | None,
) -> timeseries.Panel:
    panel = (
        dressed(timeseries.Panel(), words, size, asks, unit)
        .min(0)
        .line_interpolation(common.LineInterpolation.STEP_AFTER)
        .color_scheme(build.FieldColor().mode(dashboard.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .legend(
            build_common.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(
            build_common.VizTooltipOptions()
            .mode(common.TooltipDisplayMode.MULTI)
            .sort(common.SortOrder.DESCENDING)
        )
    )
    if limit is not None:
        panel.thresholds(limit).thresholds_style(
            build_common.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        )
    for name, color in colors.items():
        panel.override_by_name(name, [dashboard.DynamicConfigValue("color", _fixed(color))])
    return panel


def states(
    words: Words,
    *asks: queries.Dataquery,
    size: Size,
    mappings: Sequence[dashboard.ValueMapping] = (),
    colors: build.ThresholdsConfig | None = None,
) -> statetimeline.Panel:
    """A band for each series, in the colour of what it was."""
    return (
        dressed(statetimeline.Panel(), words, size, asks, "short")
        .mappings(list(mappings))
        .thresholds(colors or steps(GOOD))
        .color_scheme(build.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS))
        .show_value(common.VisibilityMode.NEVER)
        .merge_values(True)
        .row_height(0.8)
        .line_width(0)
        .fill_opacity(70)
        .legend(
            build_common.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(False)
        )
    )


def spread(words: Words, query: queries.Dataquery, *, size: Size, unit: str = "s") -> heatmap.Panel:
    """How a histogram's observations lie, over time."""
    blues = heatmap.HeatmapColorOptions().mode(heatmaps.HeatmapColorMode.SCHEME)
    return (
        dressed(heatmap.Panel(), words, size, [query], unit)
        .interval("5m")
        .color(blues.scheme("Blues").steps(32).exponent(0.5))
        .filter_values(heatmap.FilterValueRange().le(1e-9))
        .y_axis(heatmap.YAxisConfig().unit(unit).axis_placement(common.AxisPlacement.LEFT))
        .hide_legend()
    )


def _fixed(color: str) -> dict[str, str]:
    return {"mode": dashboard.FieldColorModeId.FIXED, "fixedColor": color}
