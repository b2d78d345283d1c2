"""Watches a Dagster instance and tells the router what it sees.

`Definitions.merge(my_defs, alerting_definitions())` adopts it in any Dagster project. The names
below load when first used: what only needs the router (`local_router`) does not import Dagster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .definitions import alerting_definitions
    from .hooks import alert_on_failure, alert_on_success

__all__ = ["alert_on_failure", "alert_on_success", "alerting_definitions"]


def __getattr__(name: str) -> Any:
    if name == "alerting_definitions":
        from .definitions import alerting_definitions

        return alerting_definitions
    if name in ("alert_on_failure", "alert_on_success"):
        from . import hooks

        return getattr(hooks, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
