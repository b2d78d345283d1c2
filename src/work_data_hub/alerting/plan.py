"""From a claimed conversation to what to do about it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from .config import Integration
from .route import Route
from .sink import Incident, Notification, Purpose, Receipt, Status
from .store.conversations import Progress
from .store.leases import Claim
from .telling import (
    Decision,
    StoredIncident,
    Told,
    after_telling,
    decide,
    is_told_as_over,
    latest_of_each,
    passing_over,
    was_told,
)
from .timing import tick_at_or_after


@dataclass(frozen=True)
class Plan:
    """What to tell, and what will have been told then.

    notification: None when there is nothing to tell.
    told: what counts as told once the notification was taken, or given up.
    """

    claim: Claim
    route: Route
    notification: Notification | None
    told: Told
    ended: bool
    waits: bool
    made_at: float

    def taken(self, receipt: Receipt | None, *, now: float) -> Progress:
        """The conversation after the notification was taken, or with none to send."""
        notified = self.notification is not None
        noticed_at = self.claim.noticed_at
        if noticed_at is not None:
            noticed_at = min(noticed_at, now)  # the clock stepped back since
        if self.notification and self.notification.purpose is not Purpose.UPDATE:
            noticed_at = now
        return self._progress(
            opened=self.claim.opened or notified,
            receipt=receipt,
            noticed_at=noticed_at,
            notified=notified,
            now=now,
        )

    def given_up(self, receipt: Receipt | None, *, now: float) -> Progress:
        """The conversation after its notification became a dead letter.

        receipt: of what was reached all the same.
        """
        return self._progress(
            opened=self.claim.opened,
            receipt=receipt,
            noticed_at=now,
            notified=True,
            now=now,
        )

    def _progress(
        self,
        *,
        opened: bool,
        receipt: Receipt | None,
        noticed_at: float | None,
        notified: bool,
        now: float,
    ) -> Progress:
        next_tick = self._tick(now)
        due_at: float | None = next_tick
        if self.ended:
            due_at = None
        elif not self.waits and noticed_at is not None:
            due_at = self._tick(noticed_at + self.route.repeat_interval_s)
        return Progress(
            told=self.told,
            opened=opened,
            receipt=receipt if receipt and receipt.values else self.claim.receipt,
            noticed_at=noticed_at,
            flushed_at=self.made_at,
            ended=self.ended,
            due_at=due_at,
            due_if_changed=next_tick,
            notified=notified,
        )

    def _tick(self, at: float) -> float:
        return tick_at_or_after(
            at, flushed_at=self.made_at, group_interval_s=self.route.group_interval_s
        )


def plan(
    claim: Claim,
    incidents: Sequence[StoredIncident],
    *,
    route: Route,
    integration: Integration,
    can_edit: bool,
    hears_each_end: bool,
    language: str,
    is_held_back: Callable[[Incident, Route], bool],
    now: float,
) -> Plan:
    """What this integration must hear of this group now.

    incidents: all of the episode. is_held_back: nobody wants to hear of it now, on this route.

    What is held back is left out, as Alertmanager leaves it out, and so is what was told to be over
    before. But a message that can be edited and has told of it goes on showing how it fares: an
    edit disturbs nobody.
    """
    latest = [
        s for s in latest_of_each(incidents) if can_edit or not is_told_as_over(claim.told, s)
    ]
    held = [s for s in latest if _is_over_untold(claim.told, s) or is_held_back(s.incident, route)]
    can_show = can_edit and claim.opened
    quiet = {s.incident.fingerprint for s in held if can_show and was_told(claim.told, s)}
    left_out = [s for s in held if s.incident.fingerprint not in quiet]
    left_out_ids = {s.id for s in left_out}
    shown = [s for s in latest if s.id not in left_out_ids]
    told = passing_over(claim.told, (s for s in left_out if not _is_said(claim.told, s)))
    firing_held = any(s.incident.status is Status.FIRING for s in held)
    decision = Decision(None, ended=True)
    if shown:
        decision = decide(
            told,
            shown,
            quiet=quiet,
            opened=claim.opened,
            reminder_due=_is_reminder_due(claim, route, now) and _needs_reminding(shown, quiet),
            can_edit=can_edit,
            send_resolved=integration.send_resolved,
            hears_each_end=hears_each_end,
        )
    notification = None
    if decision.purpose is not None:
        told = after_telling(told, shown, quiet=quiet)
        told = passing_over(told, left_out)
        notification = _notification(claim, shown, decision, language)
    return Plan(
        claim=claim,
        route=route,
        notification=notification,
        told=told,
        # What is held back may have to be told yet: the episode goes on.
        ended=decision.ended and not firing_held,
        waits=firing_held,
        made_at=now,
    )


def _is_over_untold(told: Told, stored: StoredIncident) -> bool:
    """It was held back while it fired, and that is over: nobody needs to hear of it any more."""
    said = told.get(stored.incident.fingerprint)
    is_noted = said is not None and said.id == stored.id and said.status is None
    return is_noted and stored.incident.status is Status.RESOLVED


def _is_said(told: Told, stored: StoredIncident) -> bool:
    """The last word on it still holds; a message without it would take that word back."""
    return was_told(told, stored) and stored.incident.status is Status.FIRING


def _needs_reminding(shown: Sequence[StoredIncident], quiet: Collection[str]) -> bool:
    """Something fires that is neither held back nor acknowledged."""
    return any(
        s.incident.status is Status.FIRING
        and s.incident.acknowledged is None
        and s.incident.fingerprint not in quiet
        for s in shown
    )


def _is_reminder_due(claim: Claim, route: Route, now: float) -> bool:
    return claim.noticed_at is not None and claim.noticed_at + route.repeat_interval_s <= now


def _notification(
    claim: Claim, shown: Sequence[StoredIncident], decision: Decision, language: str
) -> Notification:
    assert decision.purpose is not None
    fires = any(s.incident.status is Status.FIRING for s in shown)
    return Notification(
        key=_key(claim, shown, decision),
        receiver=claim.receiver,
        group_key=claim.group_key,
        group_labels=claim.group_labels,
        status=Status.FIRING if fires else Status.RESOLVED,
        purpose=decision.purpose,
        incidents=tuple(s.incident for s in shown),
        causes=decision.causes,
        previous=claim.receipt,
        language=language,
        attempt=claim.attempts + 1,
    )


def _key(claim: Claim, shown: Sequence[StoredIncident], decision: Decision) -> str:
    """The same for every attempt to say the same, also by another process after a crash."""
    content = (
        claim.conversation_id,
        claim.sequence,
        decision.purpose,
        sorted((stored.id, stored.version) for stored in shown),
    )
    return hashlib.blake2b(repr(content).encode(), digest_size=12).hexdigest()
