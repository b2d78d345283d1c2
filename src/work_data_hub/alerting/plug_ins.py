"""Kinds of sinks that other packages bring, by the entry-point group `work_data_hub.alert_sinks`.

    [project.entry-points."work_data_hub.alert_sinks"]
    dingtalk = "wdh_dingtalk:DINGTALK"

adds `dingtalk_configs`. A package is imported when an entry of its kind is read, not before: one
that is broken is an error in the file that uses it, and nobody else's concern.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

from pydantic import model_validator

from .kind import Kind, SinkConfig

if TYPE_CHECKING:
    from .http import HttpSession
    from .redact import Redactor
    from .sink import AlertSink

GROUP = "work_data_hub.alert_sinks"
INSTALLED_AS = "work_data_hub"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")


@dataclass(frozen=True)
class PlugIn:
    """A kind that some package says it brings. Two of them are none: nobody knows which."""

    name: str
    entry_points: tuple[EntryPoint, ...]
    imported_as: str

    @property
    def packages(self) -> str:
        """`wdh-dingtalk 1.2`; several are joined by `and`."""
        dists = (point.dist for point in self.entry_points)
        return " and ".join(sorted(f"{d.name} {d.version}" if d else "?" for d in dists))

    @cached_property
    def kind(self) -> Kind:
        """What the package brings. Raises ValueError that names it."""
        if self.imported_as != INSTALLED_AS:
            raise ValueError(
                f"is brought by {self.packages}, and such a sink works only where this package is"
                f" imported as {INSTALLED_AS}; here it is {self.imported_as}"
            )
        if len(self.entry_points) > 1:
            raise ValueError(f"is brought by {self.packages}; uninstall all but one")
        try:
            loaded = self.entry_points[0].load()
        except Exception as err:  # noqa: BLE001  # one sink: its fault is its own
            said = f"{type(err).__name__}: {err}"
            raise ValueError(f"is brought by {self.packages}, which fails: {said}") from None
        if not isinstance(loaded, Kind) or loaded.name != self.name:
            raise ValueError(f"is brought by {self.packages}, whose entry point is no such Kind")
        return loaded

    def as_kind(self) -> Kind:
        """A Kind that stands for it, and imports it when an entry of it is read."""
        plug_in = self

        class PlugInConfig(SinkConfig):
            @model_validator(mode="wrap")
            @classmethod
            def _read_by_its_own_model(cls, data: Any, _: Any) -> Any:
                return plug_in.kind.model.model_validate(data)

        def build(config: Any, *, redact: Redactor, http: HttpSession | None) -> AlertSink:
            return plug_in.kind.build(config, redact=redact, http=http)

        return Kind(self.name, PlugInConfig, build)


def plug_ins(
    entry_points: Iterable[EntryPoint], *, taken: Collection[str], imported_as: str
) -> dict[str, Kind]:
    """Kind by name, nothing imported yet.

    taken: names of our own kinds, which no package replaces. imported_as: our own root package.
    """
    by_name: dict[str, list[EntryPoint]] = {}
    for point in entry_points:
        by_name.setdefault(point.name, []).append(point)
    found = {}
    for name, points in by_name.items():
        plug_in = PlugIn(name, tuple(points), imported_as)
        if name in taken or not _NAME.fullmatch(name):
            why = "the name is ours" if name in taken else "the name is no plain word"
            from .logs import logger

            log = logger(__name__)
            log.warning("plug_in.ignored", name=name, package=plug_in.packages, why=why)
            continue
        found[name] = plug_in.as_kind()
    return found
