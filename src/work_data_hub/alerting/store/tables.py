"""The tables of the router. Times are seconds since the epoch, maps and lists are JSON text."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

# A store of an earlier version is brought up to this one when it is opened: see upgrade.py.
SCHEMA_VERSION = 3

# What the partial indices hold. Written out, not bound: SQLite uses such an index only where it can
# see that the query asks for no more.
IS_FIRING = text("status = 'firing'")
IS_CHANGED = text("changed")
IS_ACTIVE = text("active")
IS_OPEN = text("NOT ended")
IS_STANDING = text("stands")

metadata = MetaData()

# One row from the first firing of a fingerprint to its resolution; a new firing is a new row.
# changed: the dispatcher has not looked at its present state yet.
incidents = Table(
    "alert_incidents",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("fingerprint", String(16), nullable=False),
    Column("alertname", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("annotations", Text, nullable=False),
    Column("generator_url", Text),
    Column("severity", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("started_at", Float(53), nullable=False),
    Column("received_at", Float(53), nullable=False),
    Column("fired_at", Float(53), nullable=False),
    Column("updated_at", Float(53), nullable=False),
    Column("resolved_at", Float(53)),
    Column("event_count", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("changed", Boolean, nullable=False),
    sqlite_autoincrement=True,
)
Index(
    "alert_incidents_firing",
    incidents.c.fingerprint,
    unique=True,
    sqlite_where=IS_FIRING,
    postgresql_where=IS_FIRING,
)
Index(
    "alert_incidents_firing_name",
    incidents.c.alertname,
    sqlite_where=IS_FIRING,
    postgresql_where=IS_FIRING,
)
Index(
    "alert_incidents_changed",
    incidents.c.id,
    sqlite_where=IS_CHANGED,
    postgresql_where=IS_CHANGED,
)
Index("alert_incidents_fingerprint", incidents.c.fingerprint, incidents.c.started_at)

# Every event that had a key, so that it counts once. fingerprint: what fired; null where it
# resolved something.
events = Table(
    "alert_events",
    metadata,
    Column("key", Text, primary_key=True),
    Column("at", Float(53), nullable=False),
    Column("fingerprint", String(16)),
    sqlite_with_rowid=False,  # in a store made before, it is with one, which is as good
)

# The latest resolution of each label set: what fired before it is over, however late it arrives.
# whole: the label set, where it is too long for a key.
resolutions = Table(
    "alert_resolutions",
    metadata,
    Column("labels", Text, primary_key=True),
    Column("alertname", Text, nullable=False),
    Column("at", Float(53), nullable=False),
    Column("whole", Text),
)
Index("alert_resolutions_at", resolutions.c.alertname, resolutions.c.at)

# One row an episode: from the first firing of a group's incidents until all are resolved.
groups = Table(
    "alert_groups",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("receiver", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("group_key", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("first_due_at", Float(53), nullable=False),
    sqlite_autoincrement=True,
)
Index(
    "alert_groups_active",
    groups.c.receiver,
    groups.c.group_key,
    unique=True,
    sqlite_where=IS_ACTIVE,
    postgresql_where=IS_ACTIVE,
)

members = Table(
    "alert_members",
    metadata,
    Column("group_id", ForeignKey(groups.c.id), primary_key=True),
    Column("incident_id", ForeignKey(incidents.c.id), primary_key=True),
    sqlite_with_rowid=False,
)
Index("alert_members_incident", members.c.incident_id)

# What one integration has been told of one episode, and when it must hear next.
# due_at: null when nothing is to come. not_before: held back after a failure.
# dirty: rises with each change of the group. sequence: notifications taken so far.
# lease_token: the fence; it rises with every claim, and only its holder may record.
conversations = Table(
    "alert_conversations",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("group_id", ForeignKey(groups.c.id), nullable=False),
    Column("receiver", Text, nullable=False),
    Column("integration", Text, nullable=False),
    Column("group_key", Text, nullable=False),
    Column("ended", Boolean, nullable=False),
    Column("due_at", Float(53)),
    Column("not_before", Float(53), nullable=False),
    Column("flushed_at", Float(53)),
    Column("noticed_at", Float(53)),
    Column("dirty", Integer, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("opened", Boolean, nullable=False),
    Column("told", Text, nullable=False),
    Column("receipt", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failing_since", Float(53)),
    Column("lease_token", Integer, nullable=False),
    Column("lease_until", Float(53), nullable=False),
    sqlite_autoincrement=True,
)
Index(
    "alert_conversations_due",
    conversations.c.receiver,
    conversations.c.integration,
    conversations.c.due_at,
    sqlite_where=IS_OPEN,
    postgresql_where=IS_OPEN,
)
Index(
    "alert_conversations_order",
    conversations.c.receiver,
    conversations.c.integration,
    conversations.c.group_key,
    conversations.c.id,
    sqlite_where=IS_OPEN,
    postgresql_where=IS_OPEN,
)
Index(
    "alert_conversations_group",
    conversations.c.group_id,
    conversations.c.receiver,
    conversations.c.integration,
    unique=True,
)

# How each integration fares. parked: its credentials are wrong; digest: of the configuration that
# they came from. not_before: nothing is sent to it until then.
integrations = Table(
    "alert_integrations",
    metadata,
    Column("receiver", Text, primary_key=True),
    Column("integration", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("parked", Boolean, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("failing_since", Float(53)),
    Column("not_before", Float(53), nullable=False),
)

# What came of every attempt.
deliveries = Table(
    "alert_deliveries",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("conversation_id", ForeignKey(conversations.c.id), nullable=False),
    Column("key", Text, nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("reason", String(16)),
    Column("detail", Text),
    Column("attempt", Integer, nullable=False),
    Column("at", Float(53), nullable=False),
    Column("latency_s", Float(53), nullable=False),
)
Index("alert_deliveries_conversation", deliveries.c.conversation_id)

# What will not be tried again; the notification is kept whole.
dead_letters = Table(
    "alert_dead_letters",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("conversation_id", ForeignKey(conversations.c.id), nullable=False),
    Column("receiver", Text, nullable=False),
    Column("integration", Text, nullable=False),
    Column("reason", String(16), nullable=False),
    Column("detail", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("at", Float(53), nullable=False),
    Column("notification", Text, nullable=False),
)
Index("alert_dead_letters_integration", dead_letters.c.receiver, dead_letters.c.integration)
Index("alert_dead_letters_conversation", dead_letters.c.conversation_id)

counters = Table(
    "alert_counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("receiver", Text, primary_key=True),
    Column("integration", Text, primary_key=True),
    Column("label", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

# What others than the router count here. of: what it is counted of, a list of label values; label:
# the last one, which tells its rows apart (an outcome, the bound of a bucket).
totals = Table(
    "alert_totals",
    metadata,
    Column("name", Text, primary_key=True),
    Column("of", Text, primary_key=True),
    Column("label", Text, primary_key=True),
    Column("value", Float(53), nullable=False),
)

# The same for what does not add up: the value of the latest event, and its time.
latest = Table(
    "alert_latest",
    metadata,
    Column("name", Text, primary_key=True),
    Column("of", Text, primary_key=True),
    Column("label", Text, primary_key=True),
    Column("value", Float(53), nullable=False),
    Column("at", Float(53), nullable=False),
)

# Small texts by name: cursors of feeds, the configuration last routed by, the schema's version.
notes = Table(
    "alert_notes",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

# What operators do not want to hear of. matchers: a list of name, operator and
# value each. One that was expired early ended then.
silences = Table(
    "alert_silences",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("matchers", Text, nullable=False),
    Column("starts_at", Float(53), nullable=False),
    Column("ends_at", Float(53), nullable=False),
    Column("created_by", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("created_at", Float(53), nullable=False),
)
Index("alert_silences_end", silences.c.ends_at)

# What people did to an incident. severity: what it had then. stands: an acknowledgement that was
# not taken back, of an incident that was open when anybody last did something.
actions = Table(
    "alert_actions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("incident_id", ForeignKey(incidents.c.id, ondelete="CASCADE"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("by", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("severity", String(16), nullable=False),
    Column("stands", Boolean, nullable=False),
    Column("at", Float(53), nullable=False),
    sqlite_autoincrement=True,
)
Index("alert_actions_incident", actions.c.incident_id)
Index(
    "alert_actions_standing", actions.c.id, sqlite_where=IS_STANDING, postgresql_where=IS_STANDING
)
