"""Where an alert goes that the route tree does not lead, or not to anybody who can be told.

Alerts about the alerting itself go to the fallback receiver whatever the route tree says: the tree
may lead to the very sink that fails. So do alerts whose receiver has nothing but integrations that
are off, since their variables are not set. The Watchdog goes to its ping and nowhere else. An alert
that names its receiver goes there: that receiver stands in the code of some process and not in
alerts.yml, and other processes leave it alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .own_receiver import OWN_RECEIVER, own_route
from .route import Route, receivers_for
from .troubles import is_about_alerting
from .watchdog import is_watchdog, ping_routes

if TYPE_CHECKING:
    from .config import AlertsConfig
    from .matchers import Labels

FALLBACK_ID = "{fallback}"


def fallback_route(config: AlertsConfig) -> Route:
    """To the fallback receiver, in groups and at times as the first route says."""
    return replace(
        config.route,
        id=FALLBACK_ID,
        receiver=config.fallback,
        matchers=(),
        routes=(),
        mute_time_intervals=(),
        active_time_intervals=(),
    )


def routes_for(config: AlertsConfig, labels: Labels) -> list[Route]:
    """The routes that take `labels`, in order; the fallback in place of a receiver that is off."""
    if is_watchdog(labels):
        return ping_routes(config)
    if is_about_alerting(labels):
        return [fallback_route(config)]
    if labels.get(OWN_RECEIVER):
        return [own_route(config, labels[OWN_RECEIVER])]
    taken: list[Route] = []
    for route in receivers_for(config.route, labels):
        able = fallback_route(config) if _is_off(config, route.receiver) else route
        if able not in taken:
            taken.append(able)
    return taken


def _is_off(config: AlertsConfig, receiver: str) -> bool:
    """All that it has is off. A receiver with nothing written in it is meant to be silent."""
    has_disabled = any(off.receiver == receiver for off in config.disabled)
    return has_disabled and not config.receivers[receiver].integrations
