"""What is due, claimed and worked out: as much as there are hands for, at each place's pace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from .config import AlertsConfig
from .fallback import FALLBACK_ID, fallback_route
from .gates import Gates
from .plan import Plan, plan
from .route import Route
from .sink import AlertSink, Incident
from .store import actions, conversations, groups, leases
from .store.actions import with_acknowledgements
from .store.health import Health, all_health, set_health
from .store.hush import hush
from .store.leases import Claim
from .telling import StoredIncident
from .under_way import UnderWay
from .workers import Name, Workers

# Claimed at once for one integration; more would be in our hands while another process idles.
CLAIMED_AT_ONCE = 128


@dataclass(frozen=True)
class Helping:
    """What is to be told. came_to_nothing: something else was due of which there is no word."""

    plans: Sequence[Plan] = ()
    came_to_nothing: bool = False


class Claiming:
    """Takes from the store what this process is to tell.

    sinks: by (receiver, integration). workers, under_way: those of the dispatcher; only looked at.
    """

    def __init__(
        self,
        config: AlertsConfig,
        sinks: Mapping[Name, AlertSink],
        gates: Gates,
        workers: Workers,
        under_way: UnderWay,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._config = config
        self._sinks = sinks
        self._gates = gates
        self._workers = workers
        self._under_way = under_way
        self._clock = clock
        self._integrations = {(i.receiver, i.name): i for i in config.integrations()}
        # Whose turn it is, among those of one pace.
        self._turns = list(self._integrations)
        self._routes = {**config.routes_by_id(), FALLBACK_ID: fallback_route(config)}

    def claim(self, connection: Connection, until: float) -> Helping:
        """What is due by then, as far as there are hands for it."""
        health = all_health(connection)
        ours = self._under_way.conversations()
        claims: list[Claim] = []
        served: set[Name] = set()
        for name in self._turns:
            limit = 0 if name in served else self._room(name, health, until)
            if limit and (
                found := leases.claim(connection, *name, now=until, limit=limit, but=ours)
            ):
                claims += found
                served.update(self._gates.together[name])
        if not claims:
            return Helping()
        held_back = hush(connection, self._config, now=until).is_held_back
        acknowledged = actions.of_open(connection)
        incidents = conversations.incidents_of(connection, [held.group_id for held in claims])
        plans = [
            self._plan(
                held, with_acknowledgements(incidents[held.group_id], acknowledged), held_back
            )
            for held in claims
        ]
        groups.close(connection, [made.claim.group_id for made in plans if made.ended])
        idle = [made for made in plans if made.notification is None]
        now = self._clock().timestamp()
        conversations.progress(
            connection, [(made.claim, made.taken(None, now=now)) for made in idle]
        )
        telling = [made for made in plans if made.notification is not None]
        self._space(connection, health, telling, now=now)
        return Helping(telling, came_to_nothing=bool(idle))

    def is_due(self, connection: Connection, *, now: float) -> bool:
        """`claim` would find something. Holds up no writer."""
        health = all_health(connection)
        ours = self._under_way.conversations()
        return any(
            leases.is_due(connection, *name, now=now, but=ours)
            for name in self._integrations
            if self._room(name, health, now) > 0
        )

    def next_due(self, connection: Connection) -> float | None:
        """When the first integration has something to hear, and may be sent to; None for never."""
        due = conversations.due_times(connection)
        ours = [name for name in self._integrations if name in due]
        health = all_health(connection) if ours else {}
        return min(
            (max(due[name], self._gates.opens_at(health, name)) for name in ours), default=None
        )

    def route_of(self, route_id: str) -> Route:
        """A group whose route is gone from the file goes on as the first route says."""
        return self._routes.get(route_id, self._config.route)

    def _space(
        self,
        connection: Connection,
        health: Mapping[Name, Health],
        telling: Sequence[Plan],
        *,
        now: float,
    ) -> None:
        """Lets no process send to the same places before their pace allows."""
        paced = {
            name: pace_s
            for made in telling
            if (pace_s := self._sinks[name := made.claim.name].pace_s) > 0
        }
        for name, pace_s in paced.items():
            for of, held in self._gates.spaced(health, name, until=now + pace_s).items():
                set_health(connection, of, held)
        self._turns.sort(key=lambda name: name in paced)  # they come last then

    def _room(self, name: Name, health: Mapping[Name, Health], now: float) -> int:
        """How many conversations this integration may be given."""
        outstanding = sum(self._workers.outstanding(of) for of in self._gates.together[name])
        if self._workers.is_stuck(name) or self._gates.opens_at(health, name) > now:
            return 0
        is_paced = self._sinks[name].pace_s > 0
        if is_paced or self._gates.current(health, name).failures:
            return 1 if outstanding == 0 else 0  # one probe, not a storm
        return CLAIMED_AT_ONCE - outstanding

    def _plan(
        self,
        held: Claim,
        incidents: Sequence[StoredIncident],
        is_held_back: Callable[[Incident, Route], bool],
    ) -> Plan:
        integration = self._integrations[held.name]
        return plan(
            held,
            incidents,
            route=self.route_of(held.route_id),
            integration=integration,
            can_edit=self._sinks[held.name].can_edit,
            hears_each_end=self._config.kinds[integration.kind].hears_each_end,
            language=self._config.receivers[held.receiver].language,
            is_held_back=is_held_back,
            now=self._clock().timestamp(),
        )
