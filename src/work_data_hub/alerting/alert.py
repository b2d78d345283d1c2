"""What is told: an alert, how grave it is, and which incident it belongs to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

ALERTNAME = "alertname"
SEVERITY = "severity"
# Labels that route; whoever sets them leaves them out of the identity.
OWNER = "owner"
TEAM = "team"
# Two of them, and names beside them, fit what PostgreSQL can index: a third of a page of 8 kB.
# https://www.postgresql.org/docs/current/btree.html
MAX_INDEXED_BYTES = 1_000
# Between what was kept of a longer one and its digest.
CUT = "…"


class Severity(StrEnum):
    """How grave; a label, and one that never identifies."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for critical, rising as it gets less grave."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True)
class Alert:
    """One thing that went wrong, as its publisher saw it.

    labels: bounded values that route and identify, `alertname` among them; never a run id. Of one
    over 1,000 bytes the end is replaced by a digest.
    annotations: everything else that helps to act (summary, error, run_url ...).
    event_key: names the event; the same key published twice is one event (`run_failed:<run_id>`).
    occurred_at: when it happened, aware; the time of publishing when not given.
    identity: the labels that make the fingerprint; all but severity when not given.
    generator_url: where to look, such as the run's page.
    Raises ValueError on an empty alertname, a label that is not text, a naive time, an unknown
    severity, or an identity that names a label which is not there.
    """

    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)
    _: KW_ONLY
    event_key: str | None = None
    occurred_at: datetime | None = None
    identity: Collection[str] | None = None
    generator_url: str | None = None

    def __post_init__(self) -> None:
        if not self.labels.get(ALERTNAME):
            raise ValueError("an alert needs the label 'alertname'")
        for kind, texts in (("label", self.labels), ("annotation", self.annotations)):
            for name, value in texts.items():
                if not isinstance(name, str) or not isinstance(value, str):
                    raise ValueError(f"{kind} {name!r} is not text: {type(value).__name__}")
        if SEVERITY in self.labels and self.labels[SEVERITY] not in set(Severity):
            known = ", ".join(Severity)
            raise ValueError(f"severity {self.labels[SEVERITY]!r} is none of {known}")
        if self.occurred_at is not None and self.occurred_at.tzinfo is None:
            raise ValueError("occurred_at has no time zone")
        if self.identity is not None and (missing := set(self.identity) - set(self.labels)):
            raise ValueError(f"identity names labels that are not there: {sorted(missing)}")
        for kind, texts in (
            ("labels", storable_labels(self.labels)),
            ("annotations", storable(self.annotations)),
        ):
            object.__setattr__(self, kind, MappingProxyType(texts))

    @property
    def name(self) -> str:
        return self.labels[ALERTNAME]

    @property
    def severity(self) -> Severity:
        """The label `severity`; warning when there is none."""
        return Severity(self.labels.get(SEVERITY, Severity.WARNING))

    @property
    def fingerprint(self) -> str:
        """Names the incident: 16 hex digits over the identifying labels, alike in any process."""
        names = self.identity if self.identity is not None else set(self.labels) - {SEVERITY}
        return fingerprint({name: self.labels[name] for name in names})


def storable(texts: Mapping[str, str]) -> dict[str, str]:
    """The texts as UTF-8 can hold them: a file name that is not UTF-8 has half characters."""
    return {
        name.encode(errors="replace").decode(): value.encode(errors="replace").decode()
        for name, value in texts.items()
    }


def storable_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """As `storable`, the values short enough to be found by."""
    return {name: shortened(value) for name, value in storable(labels).items()}


def shortened(text: str) -> str:
    """A text of up to 1,000 bytes as it is; of a longer one as much, and its digest."""
    encoded = text.encode()
    if len(encoded) <= MAX_INDEXED_BYTES:
        return text
    digest = hashlib.blake2b(encoded, digest_size=16).hexdigest()
    kept = encoded[: MAX_INDEXED_BYTES - len(digest) - len(CUT.encode())].decode(errors="ignore")
    return f"{kept}{CUT}{digest}"


def fingerprint(labels: Mapping[str, str]) -> str:
    """16 hex digits over a label set, whatever its order. Empty values count as absent."""
    named = sorted((name, value) for name, value in labels.items() if value)
    text = json.dumps(named, ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
