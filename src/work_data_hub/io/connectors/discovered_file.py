"""A file that discovery found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class DiscoveredFile:
    """One file of a domain, and what was seen of it without opening it.

    path: absolute.
    metadata: `modified_time` and `ctime` (seconds since the epoch, floats), `size` (bytes),
    `inode`, `version` (the n of its V<n> folder under 数据采集, else 0), `filename`,
    `relative_path` (to the landing folder, with slashes on any platform).
    """

    domain: str
    path: str
    year: int
    month: int
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def order(self) -> tuple[int, int, int, float, str]:
        """Older first: year, month, version, mtime; the path makes it the same each time."""
        version = self.metadata.get("version", 0)
        return self.year, self.month, version, self.metadata["modified_time"], self.path
