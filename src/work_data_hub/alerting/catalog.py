"""Every kind of sink, by name. The one module of the router that knows the sinks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from .kind import Kind

__all__ = ["Kind", "kinds"]


@cache
def kinds() -> Mapping[str, Kind]:
    """Kind by name, `log` and `slack`. Imported at the first call; no sink is built."""
    from .sinks.log import LOG
    from .sinks.slack import SLACK

    return MappingProxyType({kind.name: kind for kind in (LOG, SLACK)})
