"""Where the dashboards' links lead."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Addresses:
    """dagster: WDH_DAGSTER_URL; runbooks: WDH_RUNBOOK_URL, where docs/runbooks is served."""

    dagster: str = "http://127.0.0.1:3000"
    runbooks: str = "http://127.0.0.1:9464/runbooks"
