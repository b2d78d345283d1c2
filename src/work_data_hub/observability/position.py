"""How far the feed is in an instance's event log, as the router's store keeps it."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True)
class Position:
    """Every event up to `event_id` is published or held.

    at: the time of that event. held: ids of failures that wait for Dagster's own retry.
    Both in one text, so that whatever is stored is true as a whole.
    """

    event_id: int
    at: datetime
    held: tuple[int, ...] = ()

    def holding(self, held: Collection[int]) -> Position:
        """The same place in the log, with these failures held."""
        return replace(self, held=tuple(sorted(held)))

    def to_text(self) -> str:
        return json.dumps({"id": self.event_id, "at": self.at.isoformat(), "held": self.held})

    @classmethod
    def from_text(cls, text: str) -> Position:
        """Raises ValueError on what `to_text` did not write."""
        try:
            data = json.loads(text)
            found = cls(
                event_id=int(data["id"]),
                at=datetime.fromisoformat(data["at"]),
                held=tuple(int(event_id) for event_id in data["held"]),
            )
        except (KeyError, TypeError, ValueError) as err:
            raise ValueError(f"not a position of the feed: {text[:80]!r}") from err
        if found.at.tzinfo is None:
            raise ValueError(f"not a position of the feed, its time has no zone: {text[:80]!r}")
        return found
