"""When an integration may be sent to: as it fares, and at the pace of the place it sends to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from .sink import AlertSink, SharesItsPace
from .store.health import Health, Name


@dataclass(frozen=True)
class Gates:
    """Opens and closes for the integrations of one configuration.

    digests: of each one's configuration. together: those that send to the same place as this one,
    itself among them; for one that sets no pace, itself alone.
    """

    digests: Mapping[Name, str]
    together: Mapping[Name, Collection[Name]]

    def current(self, health: Mapping[Name, Health], name: Name) -> Health:
        """As stored; afresh where that is of an earlier configuration."""
        known = health.get(name)
        digest = self.digests[name]
        return known if known is not None and known.digest == digest else Health(digest)

    def opens_at(self, health: Mapping[Name, Health], name: Name) -> float:
        """Nothing is sent to it before.

        What another was asked to wait holds here too, if both send to one place. But not that it
        is parked: an operator who mends one of the two wants that one tried.
        """
        others = (self.current(health, other) for other in self.together[name] if other != name)
        held = (other.not_before for other in others if not other.parked)
        return max(self.current(health, name).not_before, *held, 0.0)

    def spaced(
        self, health: Mapping[Name, Health], name: Name, *, until: float
    ) -> Mapping[Name, Health]:
        """All that send to the same place, held until then: for once this one is sent to."""
        fares = {other: self.current(health, other) for other in self.together[name]}
        return {
            other: replace(state, not_before=max(state.not_before, until))
            for other, state in fares.items()
        }


def gates(digests: Mapping[Name, str], sinks: Mapping[Name, AlertSink]) -> Gates:
    """digests: by (receiver, integration), each of which has a sink."""
    places = {name: _place(name, sinks[name]) for name in digests}
    sharing: dict[object, list[Name]] = {}
    for name, place in places.items():
        sharing.setdefault(place, []).append(name)
    return Gates(digests, {name: tuple(sharing[place]) for name, place in places.items()})


def _place(name: Name, sink: AlertSink) -> object:
    return sink.pace_key if sink.pace_s > 0 and isinstance(sink, SharesItsPace) else name
