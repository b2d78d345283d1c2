"""A router as the feed of one sensor sees it, which tells one receiver and shares the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from ..alerting.own_receiver import OWN_RECEIVER

if TYPE_CHECKING:
    from ..alerting import Alert, AlertRouter
    from ..alerting.store.firing import Outcome
    from ..alerting.store.store import Store


class AddressedRouter:
    """What is published through it goes to `receiver`; what is resolved through it was its own.

    chosen: of a batch of alerts, those that are to be told at all, as they are to be told.
    Cursors in its store are its own; everything else is the router's.
    """

    def __init__(
        self,
        router: AlertRouter,
        *,
        receiver: str,
        chosen: Callable[[Sequence[Alert]], Iterable[Alert]],
    ) -> None:
        self._router = router
        self._receiver = receiver
        self._chosen = chosen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._router, name)

    @property
    def store(self) -> Store:
        return cast("Store", _OwnCursors(self._router.store, self._receiver))

    def publish(self, alert: Alert) -> None:
        self.publish_all([alert])

    def publish_all(self, alerts: Iterable[Alert]) -> list[Outcome]:
        """Each names the receiver, as a part of its identity: it is no other's incident."""
        return self._router.publish_all(map(self._addressed, self._chosen([*alerts])))

    def resolve(self, labels: Mapping[str, str], **given: Any) -> int:
        return self._router.resolve(self._own(labels), **given)

    def resolve_all(self, resolutions: Iterable[tuple[Mapping[str, str], datetime]]) -> int:
        return self._router.resolve_all((self._own(labels), at) for labels, at in resolutions)

    def _addressed(self, alert: Alert) -> Alert:
        return replace(
            alert,
            labels=self._own(alert.labels),
            identity=(*(alert.identity or ()), OWN_RECEIVER),
            event_key=f"{alert.event_key}:{self._receiver}",
        )

    def _own(self, labels: Mapping[str, str]) -> dict[str, str]:
        return {**labels, OWN_RECEIVER: self._receiver}


@dataclass(frozen=True)
class _OwnCursors:
    """The store, where each cursor is the receiver's own."""

    shared: Store
    receiver: str

    def __getattr__(self, name: str) -> Any:
        return getattr(self.shared, name)

    def get_cursor(self, name: str) -> str | None:
        return self.shared.get_cursor(f"{name}:{self.receiver}")

    def set_cursor(self, name: str, value: str, **given: Any) -> bool:
        return self.shared.set_cursor(f"{name}:{self.receiver}", value, **given)
