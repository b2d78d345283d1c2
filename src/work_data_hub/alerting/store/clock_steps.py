"""A clock that stepped back: what was planned by the old time would wait until it comes again.

Nothing is told because of a look: what has been told decides. So where the clock stepped back,
everything that is open is looked at once, and no wait after a failure holds.
"""

from __future__ import annotations

from sqlalchemy import Connection, select, text

from .notes import put
from .tables import notes

# Clocks of several machines differ, and are set by small steps, without anybody waiting longer.
STEP_S = 60.0
_LATEST = "clock"
# Those that are switched off until their configuration changes stay so.
_FOR_GOOD_S = 1e10


def look_again_after_a_step(connection: Connection, *, now: float) -> None:
    """To be called now and then, once a minute at least, while anything is told.

    Keeps the latest time that any process has told it; some process sees it when that lies ahead.
    """
    found = connection.execute(select(notes.c.value).where(notes.c.name == _LATEST)).scalar()
    latest = now if found is None else float(found)
    if now < latest - STEP_S:
        connection.execute(_LOOK, {"now": now})
        connection.execute(_LET_GO, {"for_good": _FOR_GOOD_S})
    if found is None or abs(now - latest) > STEP_S:
        put(connection, _LATEST, repr(now))


_LOOK = text(
    "UPDATE alert_conversations SET not_before = 0,"
    " due_at = CASE WHEN due_at > :now THEN :now ELSE due_at END"
    " WHERE NOT ended AND due_at IS NOT NULL"
)
_LET_GO = text("UPDATE alert_integrations SET not_before = 0 WHERE not_before < :for_good")
