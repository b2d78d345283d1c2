"""Alerts that stand as long as something is so."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from ..alerting.sink import Status

if TYPE_CHECKING:
    from ..alerting import Alert, AlertRouter
    from ..alerting.store.store import Store

# What a process finds so is noted anew this often, and counts for so long when it is not.
RENEW_S = 30.0
GONE_AFTER_S = 120.0


@dataclass(frozen=True)
class Finding:
    """What a process found so, by fingerprint. at: when it said so last, seconds since the epoch.

    A clock that was set may have put that in the future: so far off, it counts as little.
    """

    at: float
    fingerprints: frozenset[str]

    def is_older(self, than_s: float, *, now: float) -> bool:
        return abs(now - self.at) > than_s


class Standing:
    """Alerts of one name: open while some process finds it so, closed when none does any more.

    Several processes look at the same things, or each at its own: a process that is well must not
    close what another one finds so. Each notes in the store what it finds; what is noted by none
    that has been heard of within two minutes was left open by one that is gone.
    """

    def __init__(self, alertname: str) -> None:
        self._alertname = alertname
        self._cursor = f"standing:{alertname}"
        self._process = uuid4().hex
        self._is_noted = False

    def keep(self, router: AlertRouter, alerts: Iterable[Alert], *, now: datetime) -> None:
        """Let these stand, and beside them only what others find so. Writes only what changes."""
        wanted = {alert.fingerprint: alert for alert in alerts}
        open_ = {
            incident.fingerprint: incident
            for incident in router.store.incidents(status=Status.FIRING, alertname=self._alertname)
        }
        if not (wanted or open_ or self._is_noted):
            return
        others = self._note(router.store, frozenset(wanted), now.timestamp())
        router.publish_all(alert for name, alert in wanted.items() if name not in open_)
        for fingerprint in set(open_) - set(wanted) - others:
            router.resolve(open_[fingerprint].labels)

    def _note(self, store: Store, ours: frozenset[str], now: float) -> set[str]:
        """Notes what we find so, where that is news; gives what the others find."""
        while True:
            stored = store.get_cursor(self._cursor)
            findings = _findings(stored)
            others = {
                process: finding
                for process, finding in findings.items()
                if process != self._process and not finding.is_older(GONE_AFTER_S, now=now)
            }
            last = findings.get(self._process, Finding(now, frozenset()))
            is_news = last.fingerprints != ours or (ours and last.is_older(RENEW_S, now=now))
            if is_news:
                told = {**others, self._process: Finding(now, ours)} if ours else others
                if not store.set_cursor(self._cursor, _text(told), expected=stored):
                    continue  # another process was faster
            self._is_noted = bool(ours)
            return {name for finding in others.values() for name in finding.fingerprints}


def _findings(text: str | None) -> Mapping[str, Finding]:
    """By process. Nothing where the text is not ours: then what is open is found so anew."""
    try:
        return {
            str(process): Finding(float(at), frozenset(map(str, fingerprints)))
            for process, (at, fingerprints) in json.loads(text or "{}").items()
        }
    except (AttributeError, TypeError, ValueError):
        return {}


def _text(findings: Mapping[str, Finding]) -> str:
    return json.dumps({name: [f.at, sorted(f.fingerprints)] for name, f in findings.items()})
