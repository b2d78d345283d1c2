"""`wdh alerts routes` and what `wdh alerts check` says of a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from work_data_hub.alerting.errors import ConfigError
from work_data_hub.cli.main import app

FILE = """\
global: {pagerduty_url: 'https://x.example/'}
templates: ['*.tmpl']
fallback: local
route:
  receiver: chat
  group_by: [job]
  routes:
    - receiver: local
      matchers: ['team="数据组"', severity=~"info|warning"]
      mute_time_intervals: [night]
      group_wait: 5s
      continue: true
time_intervals: [{name: night}]
receivers:
  - name: chat
    slack_configs: [{api_url: 'https://hooks.example/x', text: '{{ .x }}'}]
  - name: local
    log_configs: [{}]
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "alerts.yml"
    path.write_text(FILE, encoding="utf-8")
    return str(path)


def wdh(*arguments: str) -> str:
    said = CliRunner().invoke(app, ["alerts", *arguments], catch_exceptions=False)
    assert said.exit_code == 0, said.output
    return said.stdout


def test_the_tree_is_shown_with_what_each_route_has(file: str) -> None:
    first, second = wdh("routes", "show", "--config", file).splitlines()
    assert first.startswith("everything  -> chat  group_by [job]  wait 30s")
    assert second.startswith('  {severity=~"info|warning",team="数据组"}  -> local')
    assert second.endswith("muted in night  continue")


def test_the_tree_as_a_document_names_every_route(file: str) -> None:
    tree = json.loads(wdh("routes", "show", "--json", "--config", file))
    (child,) = tree["routes"]
    assert child["id"] == '{}/{severity=~"info|warning",team="数据组"}/0'
    assert (child["group_wait_s"], child["mute_time_intervals"]) == (5, ["night"])


def test_the_receivers_as_a_document_name_their_routes(file: str) -> None:
    taken = json.loads(wdh("routes", "test", "--json", "--config", file, "job=x"))
    assert taken == [{"receiver": "chat", "route": "{}"}]


def test_a_file_that_is_not_there_is_refused_when_it_was_named() -> None:
    said = CliRunner().invoke(app, ["alerts", "routes", "test", "--config", "absent.yml"])
    assert said.exit_code == 2
    assert "absent.yml is not there" in said.output


def test_check_tells_what_has_no_effect_and_what_to_know(file: str) -> None:
    said = wdh("check", file)
    assert "alerts.yml:1: global.pagerduty_url: is not used" in said
    assert "alerts.yml:2: templates: Go templates are not read" in said
    assert "receivers[0].slack_configs[0].text: Go templates are not read" in said
    assert "chat, slack[0]: a webhook's messages cannot be edited" in said
    assert "local (fallback)" in said


def test_check_as_a_document_has_the_same(file: str) -> None:
    document = json.loads(wdh("check", "--json", file))
    assert document["receivers"] == {"chat": ["slack[0]"], "local": ["log[0]"]}
    assert (document["fallback"], len(document["warnings"]), len(document["notes"])) == (
        "local",
        3,
        1,
    )


def test_strict_refuses_what_has_no_effect(file: str) -> None:
    said = CliRunner().invoke(app, ["alerts", "check", "--strict", file])
    assert isinstance(said.exception, ConfigError)
    assert str(said.exception).count("\n") == 2


def test_strict_takes_the_shipped_file() -> None:
    assert "no fault" in wdh("check", "--strict", str(Path(__file__).parents[2] / "alerts.yml"))
