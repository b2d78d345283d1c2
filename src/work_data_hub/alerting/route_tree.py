"""From the routes as they are written to the tree that is walked: what is inherited, filled in."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from .config_model import EVERY_LABEL, RouteModel
from .matchers import Matcher, in_order, text_of
from .route import Route

Value = TypeVar("Value")

# https://prometheus.io/docs/alerting/0.25/configuration/#route
GROUP_WAIT_S = 30.0
GROUP_INTERVAL_S = 300.0
REPEAT_INTERVAL_S = 4 * 3_600.0

_DEFAULTS = Route("{}", "", frozenset(), GROUP_WAIT_S, GROUP_INTERVAL_S, REPEAT_INTERVAL_S)


def route_tree(root: RouteModel) -> Route:
    """The tree below the first route. Its nodes are named as Alertmanager's Route.ID names them."""
    return _route(root, _DEFAULTS, "{}")


def _route(model: RouteModel, parent: Route, id_: str) -> Route:
    bare = Route(
        id=id_,
        receiver=model.receiver or parent.receiver,
        group_by=_group_by(model, parent),
        group_wait_s=_own(model.group_wait, parent.group_wait_s),
        group_interval_s=_own(model.group_interval, parent.group_interval_s),
        repeat_interval_s=_own(model.repeat_interval, parent.repeat_interval_s),
        matchers=_matchers(model),
        continue_=model.continue_,
        mute_time_intervals=model.mute_time_intervals,
        active_time_intervals=model.active_time_intervals,
    )
    children = (
        _route(child, bare, f"{id_}/{text_of(_matchers(child))}/{i}")
        for i, child in enumerate(model.routes)
    )
    return replace(bare, routes=tuple(children))


def _matchers(model: RouteModel) -> tuple[Matcher, ...]:
    return in_order(model.matchers + model.match + model.match_re)


def _group_by(model: RouteModel, parent: Route) -> frozenset[str] | None:
    # An empty list inherits, as in Alertmanager.
    if not model.group_by:
        return parent.group_by
    return None if model.group_by == (EVERY_LABEL,) else frozenset(model.group_by)


def _own(value: Value | None, inherited: Value) -> Value:
    return inherited if value is None else value
