"""The alert router: what goes wrong becomes one incident that reaches the right person once.

It knows neither Dagster nor the pipeline. The names below are what other code relies on; they
load when first used, so that a bad file or a missing library shows where it is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .alert import Alert, Severity

if TYPE_CHECKING:
    from .router import AlertRouter

__all__ = ["Alert", "AlertRouter", "Severity"]


def __getattr__(name: str) -> Any:
    if name == "AlertRouter":
        from .router import AlertRouter

        return AlertRouter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
