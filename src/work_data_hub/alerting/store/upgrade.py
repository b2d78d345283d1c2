"""The tables: made where they are missing, brought up to date where an older version made them."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, inspect, select, text, update

from ..errors import StoreUnavailable
from .tables import SCHEMA_VERSION, metadata, notes

# By the version they lead to. Tables and indices that are new need no word here. A process of the
# version before must be able to go on beside it.
_STEPS: Mapping[int, tuple[str, ...]] = {
    2: ("ALTER TABLE alert_events ADD COLUMN fingerprint VARCHAR(16)",),
    3: ("ALTER TABLE alert_resolutions ADD COLUMN whole TEXT",),
}
_VERSION = "schema"
_FOUND_VERSION = select(notes.c.value).where(notes.c.name == _VERSION)


def is_current(connection: Connection) -> bool:
    """Nothing is to be made here: so most openings need not wait for those who write."""
    there = set(inspect(connection).get_table_names())
    if not there.issuperset(metadata.tables):
        return False
    return connection.execute(_FOUND_VERSION).scalar() == str(SCHEMA_VERSION)


def make_tables(connection: Connection) -> None:
    """Within the caller's transaction. Raises StoreUnavailable for a store newer than we are."""
    notes.create(connection, checkfirst=True)
    found = connection.execute(_FOUND_VERSION).scalar()
    version = SCHEMA_VERSION if found is None else int(found)
    if version > SCHEMA_VERSION:
        raise StoreUnavailable(
            f"the store was made by a newer version (schema {version}, this one knows up to"
            f" {SCHEMA_VERSION}); install that version, or give this one a store of its own"
        )
    for step in range(version + 1, SCHEMA_VERSION + 1):
        for statement in _STEPS[step]:
            connection.execute(text(statement))
    metadata.create_all(connection)
    # create_all makes no index that is missing on a table that is there.
    for table in metadata.tables.values():
        for index in table.indexes:
            index.create(connection, checkfirst=True)
    if found is None:
        connection.execute(notes.insert().values(name=_VERSION, value=str(SCHEMA_VERSION)))
    elif version < SCHEMA_VERSION:
        raised = update(notes).where(notes.c.name == _VERSION)
        connection.execute(raised.values(value=str(SCHEMA_VERSION)))
