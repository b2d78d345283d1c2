"""What a router's store says of the incidents in it."""

from __future__ import annotations

from collections.abc import Mapping

from work_data_hub.alerting import AlertRouter
from work_data_hub.alerting.sink import Incident, Status


def firing(router: AlertRouter) -> list[Incident]:
    """The open incidents."""
    return router.store.incidents(status=Status.FIRING)


def incidents(router: AlertRouter) -> list[Incident]:
    """All incidents, open and closed."""
    return router.store.incidents()


def filled(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels that there are: an empty one counts as absent."""
    return {name: value for name, value in labels.items() if value}
