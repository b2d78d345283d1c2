"""Every kind of sink, by name. The one module of the router that knows the sinks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType

from .kind import Kind
from .plug_ins import GROUP, plug_ins

__all__ = ["Kind", "built_in", "kinds"]


@cache
def kinds() -> Mapping[str, Kind]:
    """Kind by name: ours, and those that installed packages bring. No sink is built."""
    ours = built_in()
    root = __name__.removesuffix(".alerting.catalog")
    theirs = plug_ins(entry_points(group=GROUP), taken=ours, imported_as=root)
    return MappingProxyType({**ours, **theirs})


@cache
def built_in() -> Mapping[str, Kind]:
    """Our own kinds, imported at the first call."""
    from .sinks.email import EMAIL
    from .sinks.log import LOG
    from .sinks.prometheus import PROMETHEUS
    from .sinks.slack import SLACK
    from .sinks.webhook import WEBHOOK

    ours = (EMAIL, LOG, PROMETHEUS, SLACK, WEBHOOK)
    return MappingProxyType({kind.name: kind for kind in ours})
