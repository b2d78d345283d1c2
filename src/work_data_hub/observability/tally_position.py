"""How far the tally is in an instance's event log, as the store keeps it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

_NEVER = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class TallyPosition:
    """Every end of a run up to `event_id` is counted.

    run_id: whose end that was; where it is another's now, ids are given out again. at: the latest
    time among the counted ones. began: when the instance was first seen. complete: what had ended
    by then is counted.
    """

    began: datetime
    event_id: int = 0
    run_id: str = ""
    at: datetime = _NEVER
    complete: bool = False

    def to_text(self) -> str:
        times = {"began": self.began.isoformat(), "at": self.at.isoformat()}
        return json.dumps(
            {"id": self.event_id, "run": self.run_id, "complete": self.complete, **times}
        )

    @classmethod
    def from_text(cls, text: str) -> TallyPosition:
        """Raises ValueError on what `to_text` did not write."""
        try:
            data = json.loads(text)
            return cls(
                began=datetime.fromisoformat(data["began"]).astimezone(UTC),
                event_id=int(data["id"]),
                run_id=str(data["run"]),
                at=datetime.fromisoformat(data["at"]).astimezone(UTC),
                complete=bool(data["complete"]),
            )
        except (KeyError, TypeError, ValueError) as err:
            raise ValueError(f"not a position of the tally: {text[:80]!r}") from err
