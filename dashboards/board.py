"""What all dashboards have in common: time zone, links, annotations, where panels go."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from .annotations import INCIDENTS
from .links import DAGSTER, RUNBOOKS

TAG = "workdatahub"


@dataclass(frozen=True)
class Row:
    """Panels under a heading. They fill lines of 24 columns, left to right."""

    title: str
    panels: Sequence[Builder[model.Panel]]


@dataclass(frozen=True)
class Board:
    """One dashboard. name: of its file, and the end of its uid, by which others link to it."""

    name: str
    title: str
    description: str
    variables: Sequence[Builder[model.VariableModel]]
    rows: Sequence[Row]
    since: str = "now-24h"

    @property
    def uid(self) -> str:
        return f"wdh-{self.name}"

    def json(self) -> str:
        """As Grafana reads it; the same for the same code."""
        built = self._built()
        return (
            json.dumps(built, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        )

    def _built(self) -> model.Dashboard:
        board = (
            build.Dashboard(self.title)
            .uid(self.uid)
            .description(self.description)
            .tags([TAG])
            .timezone("Asia/Shanghai")
            .week_start("monday")
            .time(self.since, "now")
            .refresh("30s")
            .tooltip(model.DashboardCursorSync.CROSSHAIR)
            .links(_links())
            .annotations(list(INCIDENTS))
            .variables(list(self.variables))
        )
        for row in self.rows:
            board.with_row(build.Row(row.title))
            for panel in row.panels:
                board.with_panel(panel)
        built = board.build()
        for place, placed in enumerate(built.panels or (), start=1):
            placed.id_val = place
        return built


def _links() -> list[Builder[model.DashboardLink]]:
    others = build.DashboardLink("WorkDataHub").type(model.DashboardLinkType.DASHBOARDS)
    return [
        others.tags([TAG]).keep_time(True).include_vars(True).tooltip("The other dashboards"),
        _away("Dagster", f"{DAGSTER}/runs", "All runs, in Dagster"),
        _away("Runbooks", f"{RUNBOOKS}/", "What to do about each alert"),
    ]


def _away(title: str, url: str, tooltip: str) -> build.DashboardLink:
    return (
        build.DashboardLink(title)
        .type(model.DashboardLinkType.LINK)
        .icon("external link")
        .tooltip(tooltip)
        .url(url)
        .target_blank(True)
    )
