"""Where an alert goes that the route tree does not lead, or not to anybody who can be told.

Alerts about the alerting itself go to the fallback receiver whatever the route tree says: the tree
may lead to the very sink that fails. So do alerts whose receiver has nothing but integrations that
are off, since their variables are not set. Where those of the fallback itself are off, it has the
log: what goes there would else reach nobody, and no dead letter would say so.

The Watchdog goes to its ping and nowhere else. An alert that names its receiver goes there: that
receiver stands in the code of some process and not in alerts.yml, and other processes leave it
alone.
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
FALLBACK_IS_OFF = "is the fallback, and all that it has is off: its alerts go to the log alone"
# The kind, and the name: it stands in no list of alerts.yml.
LAST_RESORT = "log"


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
        able = fallback_route(config) if is_off(config, route.receiver) else route
        if able not in taken:
            taken.append(able)
    return taken


def is_off(config: AlertsConfig, receiver: str) -> bool:
    """All that it has is off. A receiver with nothing written in it is meant to be silent."""
    has_disabled = any(off.receiver == receiver for off in config.disabled)
    return has_disabled and not config.receivers[receiver].integrations


def with_last_resort(config: AlertsConfig) -> AlertsConfig:
    """The same, with the log for the fallback receiver, where there is that kind of sink."""
    from .config import Integration, digest_of

    if LAST_RESORT not in config.kinds:
        return config
    made = Integration(
        receiver=config.fallback,
        name=LAST_RESORT,
        kind=LAST_RESORT,
        config=config.kinds[LAST_RESORT].model(),
        digest=digest_of(LAST_RESORT),
    )
    fallback = replace(config.receivers[config.fallback], integrations=(made,))
    return replace(config, receivers={**config.receivers, config.fallback: fallback})
