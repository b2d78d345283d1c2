"""A receiver that stands in somebody's code and not in alerts.yml, for alerts that name it.

All processes share one store, but only the one with that code knows channel and token. So the
alert itself says where it goes: whichever process routes it leads it to the same receiver, and
only those that have the receiver can tell it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .route import Route

if TYPE_CHECKING:
    from .config import AlertsConfig

# The label of such an alert; its value is the receiver's name.
OWN_RECEIVER = "wdh_receiver"
# The id of its route, with which the keys of its groups begin; none of alerts.yml has it.
OWN_ROUTE = f"{{{OWN_RECEIVER}}}"
# An annotation of such an alert: the blocks that the code has laid out for Slack, as JSON. Text
# that comes from elsewhere is never markup, so no other alert has them.
SLACK_BLOCKS = "slack_blocks"


def own_route(config: AlertsConfig, receiver: str) -> Route:
    """To this receiver, in groups and at times as the first route of alerts.yml says."""
    return replace(
        config.route,
        id=OWN_ROUTE,
        receiver=receiver,
        matchers=(),
        routes=(),
        mute_time_intervals=(),
        active_time_intervals=(),
    )


def with_receiver(
    config: AlertsConfig, name: str, integrations: Mapping[str, Mapping[str, Any]]
) -> AlertsConfig:
    """The same, and this receiver: by kind, what an entry of `<kind>_configs` would hold.

    It speaks the language of the fallback receiver. Raises pydantic's ValidationError.
    """
    from .config import Integration, Receiver, digest_of

    made = tuple(
        Integration(
            receiver=name,
            name=f"{kind}[0]",
            kind=kind,
            config=config.kinds[kind].model.model_validate(dict(entry)),
            digest=digest_of([kind, dict(entry)]),
        )
        for kind, entry in integrations.items()
    )
    language = config.receivers[config.fallback].language
    receivers = {**config.receivers, name: Receiver(name, language, made)}
    return replace(config, receivers=receivers)
