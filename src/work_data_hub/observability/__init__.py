"""Watches a Dagster instance and tells the router what it sees.

`Definitions.merge(my_defs, alerting_definitions())` adopts it in any Dagster project. The names
below load when first used: what only needs the router (`local_router`) does not import Dagster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .definitions import alerting_definitions
    from .hooks import alert_on_failure, alert_on_success
    from .slack_sensor import make_slack_on_run_failure_sensor

__all__ = [
    "alert_on_failure",
    "alert_on_success",
    "alerting_definitions",
    "make_slack_on_run_failure_sensor",
]


def __getattr__(name: str) -> Any:
    if name == "alerting_definitions":
        from .definitions import alerting_definitions

        return alerting_definitions
    if name in ("alert_on_failure", "alert_on_success"):
        from . import hooks

        return getattr(hooks, name)
    if name == "make_slack_on_run_failure_sensor":
        from .slack_sensor import make_slack_on_run_failure_sensor

        return make_slack_on_run_failure_sensor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
