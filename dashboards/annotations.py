"""What happened, drawn over every panel: incidents as they open and as they close."""

from __future__ import annotations

from dataclasses import dataclass

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

from .look import BAD, GOOD
from .promql import STEP, latest
from .queries import SOURCE

_NOW = latest("wdh_incidents_open", "alertname", "severity")
_BEFORE = f"max by (alertname, severity) (wdh_incidents_open offset {STEP})"
# A kind of incident of which none is open has no series. Without an exporter nothing closes.
OPENED = f"{_NOW} > ({_BEFORE} or 0 * {_NOW})"
CLOSED = f"{_BEFORE} > ({_NOW} or 0 * {_BEFORE}) and on () wdh_store_up == 1"


class OfPrometheus(model.AnnotationQuery):
    """With what Grafana's Prometheus source reads beside the expression; the SDK has no names
    for it.
    """

    def to_json(self) -> dict[str, object]:
        return super().to_json() | {
            "titleFormat": f"{self.name}: {{{{alertname}}}}",
            "textFormat": "{{severity}}",
            "tagKeys": "alertname,severity",
        }


@dataclass(frozen=True)
class Annotation(Builder[model.AnnotationQuery]):
    name: str
    expr: str
    color: str

    def build(self) -> model.AnnotationQuery:
        return OfPrometheus(
            name=self.name, datasource=SOURCE, expr=self.expr, icon_color=self.color
        )


INCIDENTS = (
    Annotation("Incident opened", OPENED, BAD),
    Annotation("Incident closed", CLOSED, GOOD),
)
