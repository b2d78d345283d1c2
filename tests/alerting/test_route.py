"""The route tree: who takes an alert, in what group."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from work_data_hub.alerting.route import Route, receivers_for

TREE = """
route:
  receiver: root
  group_by: [alertname, job]
  routes:
    - receiver: pager
      matchers: [severity="critical"]
      group_by: ['...']
      group_wait: 0s
      continue: true
    - receiver: data
      matchers: [team="data"]
      repeat_interval: 1h
      routes:
        - receiver: files
          matchers: [alertname=~"File.*"]
        - matchers: [job="hourly"]
    - receiver: nobody
      matchers: [severity="critical"]
receivers: [{name: root}, {name: pager}, {name: data}, {name: files}, {name: nobody}]
"""


@pytest.fixture
def route(scene: Any) -> Route:
    return scene.router(TREE).config.route


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ({"alertname": "A"}, ["root"]),
        ({"alertname": "A", "severity": "critical"}, ["pager", "nobody"]),
        ({"alertname": "A", "severity": "critical", "team": "data"}, ["pager", "data"]),
        ({"alertname": "FileMissing", "team": "data"}, ["files"]),
        ({"alertname": "A", "team": "data", "job": "hourly"}, ["data"]),
    ],
)
def test_the_deepest_route_takes_an_alert_and_continue_goes_on(
    route: Route, labels: dict[str, str], receivers: list[str]
) -> None:
    assert [taker.receiver for taker in receivers_for(route, labels)] == receivers


def test_a_child_inherits_what_it_does_not_say(route: Route) -> None:
    pager, data, _ = route.routes
    assert (pager.group_wait_s, pager.repeat_interval_s) == (0, 4 * 3600)
    assert (data.group_wait_s, data.repeat_interval_s) == (30, 3600)
    assert data.routes[0].repeat_interval_s == 3600
    assert data.routes[1].receiver == "data"
    assert data.group_by == {"alertname", "job"}


def test_group_labels_are_those_that_the_alert_has(route: Route) -> None:
    assert route.group_labels({"job": "daily", "alertname": "A", "step": "s"}) == {
        "alertname": "A",
        "job": "daily",
    }
    assert route.group_labels({"alertname": "A"}) == {"alertname": "A"}


def test_three_dots_group_by_every_label(route: Route) -> None:
    labels = {"alertname": "A", "job": "hourly", "step": "s"}
    assert route.routes[0].group_labels(labels) == labels


def test_a_groups_key_names_its_route_and_labels_as_in_alertmanager(route: Route) -> None:
    labels = {"job": 'a "b"', "alertname": "A"}
    assert route.group_key(labels) == '{}:{alertname="A", job="a \\"b\\""}'
    assert route.routes[1].routes[0].id == '{}/{team="data"}/1/{alertname=~"File.*"}/0'


def test_ids_are_the_same_after_a_restart(scene: Any, tmp_path: Path) -> None:
    ids = [[route.id for route in scene.router(TREE).config.route.walk()] for _ in range(2)]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 6


def test_a_label_without_a_value_makes_no_group_of_its_own(route: Route) -> None:
    bare = {"alertname": "A"}
    assert route.group_key({**bare, "job": ""}) == route.group_key(bare)
    assert route.routes[0].group_key({**bare, "job": ""}) == route.routes[0].group_key(bare)
