"""What a router's store says of the incidents in it."""

from __future__ import annotations

from work_data_hub.alerting import AlertRouter
from work_data_hub.alerting.sink import Incident, Status


def firing(router: AlertRouter) -> list[Incident]:
    """The open incidents."""
    return router.store.incidents(status=Status.FIRING)


def incidents(router: AlertRouter) -> list[Incident]:
    """All incidents, open and closed."""
    return router.store.incidents()
