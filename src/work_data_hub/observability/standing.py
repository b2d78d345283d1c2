"""Alerts that stand as long as something is so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..alerting.sink import Status

if TYPE_CHECKING:
    from ..alerting import Alert, AlertRouter


class Standing:
    """Alerts of one name: opened when something begins to be so, closed when it ends.

    Of several processes each closes what it has opened itself; at first also what is there
    already, which one that is gone may have left.
    """

    def __init__(self, alertname: str) -> None:
        self._alertname = alertname
        self._ours: set[str] | None = None

    def keep(self, router: AlertRouter, alerts: Iterable[Alert]) -> None:
        """Let these stand, and none of ours beside them. Writes only what changes."""
        wanted = {alert.fingerprint: alert for alert in alerts}
        open_ = {
            incident.fingerprint: incident
            for incident in router.store.incidents(status=Status.FIRING, alertname=self._alertname)
        }
        router.publish_all(alert for name, alert in wanted.items() if name not in open_)
        ours = set(open_) if self._ours is None else self._ours
        for fingerprint in ours & set(open_) - set(wanted):
            router.resolve(open_[fingerprint].labels)
        self._ours = set(wanted)
