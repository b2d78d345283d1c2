"""Colours and what they mean. Grey and blue say nothing is wrong; there are no others."""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model

GOOD = "semi-dark-green"
BUSY = "semi-dark-blue"
QUIET = "#8e8e9a"
WARNING = "semi-dark-orange"
BAD = "semi-dark-red"

OF_STATUS = {
    "success": GOOD,
    "failure": BAD,
    "canceled": QUIET,
    "canceling": QUIET,
    "queued": QUIET,
    "not_started": QUIET,
    "starting": "light-blue",
    "started": BUSY,
    "skipped": BUSY,
    "running": GOOD,
    "stopped": QUIET,
}
OF_SEVERITY = {"critical": BAD, "warning": WARNING, "info": BUSY, "": QUIET}
# wdh_rows_total, wdh_loads_total, wdh_files, wdh_dq_probes_total
OF_DATA = {
    "loaded": GOOD,
    "superseded": BUSY,
    "quarantined": WARNING,
    "replayed": GOOD,
    "failed": BAD,
    "refused": BAD,
    "waiting": BUSY,
    "seen": QUIET,
    "withdrawn": QUIET,
    "passed": GOOD,
    "found": WARNING,
    "no_file": QUIET,
}
OF_DELIVERY = {"delivered": GOOD, "failed": WARNING, "dead": BAD}


def steps(base: str, above: Mapping[float, str] | None = None) -> build.ThresholdsConfig:
    """`base` at the bottom, and from each value on its colour."""
    return (
        build.ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps(
            [
                model.Threshold(value=None, color=base),
                *(model.Threshold(value=at, color=color) for at, color in (above or {}).items()),
            ]
        )
    )


def limit(at: float, color: str) -> build.ThresholdsConfig:
    """A line at this height, and nothing below it."""
    return steps("transparent", {at: color})


def words(of: Mapping[str, tuple[str, str]]) -> list[model.ValueMapping]:
    """Values as (text, colour)."""
    return [
        model.ValueMap(
            {
                value: model.ValueMappingResult(text=text, color=color, index=place)
                for place, (value, (text, color)) in enumerate(of.items())
            }
        )
    ]


def coloured(of: Mapping[str, str]) -> list[model.ValueMapping]:
    """Values as they are, in their colour."""
    return words({value: (value, color) for value, color in of.items() if value})


UP = words({"1": ("up", GOOD), "0": ("down", BAD)})
