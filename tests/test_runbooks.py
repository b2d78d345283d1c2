"""A page for every alert, an alert for every page, and commands that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
import yaml

from work_data_hub.alerting import troubles
from work_data_hub.alerting.watchdog import WATCHDOG
from work_data_hub.alerting.wording import EN
from work_data_hub.observability import events, instance_events
from work_data_hub.orchestration.data_alerts import DataAlert

ROOT = Path(__file__).parents[1]
PAGES = {path.stem: path for path in (ROOT / "docs" / "runbooks").glob("*.md")}
PARTS = ("**What it means.**", "**Look first.**", "**Usual causes.**", "**How to end it.**")
MAX_WORDS = 400


def ours() -> set[str]:
    """Every alertname in the code."""
    runs = {events.RUN_FAILED, events.RUN_SUCCEEDED, events.STEP_FAILED, events.STEP_SUCCEEDED}
    own = {troubles.DISPATCH_LAG, troubles.CONFIG_INVALID, troubles.ROUND_FAILING, WATCHDOG}
    return {*runs, *own, *troubles.NAMES, *DataAlert, instance_events.DAEMON_DOWN}


def prometheus() -> set[str]:
    """Every alert that Prometheus is told to raise."""
    path = ROOT / "deploy" / "prometheus" / "rules.yml"
    groups = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"] if path.exists() else []
    return {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    assert set(PAGES) == ours() | prometheus()


def test_every_alert_of_ours_has_a_name_in_both_languages() -> None:
    assert set(EN.alerts) == ours()


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_begins_in_chinese_and_says_what_to_look_at_and_when_it_closes(name: str) -> None:
    text = PAGES[name].read_text(encoding="utf-8")
    title, _, first, *_ = text.splitlines()
    assert title.startswith(f"# {name}: ")
    assert re.match(r"> \*\*值班速览\*\* .*[\u4e00-\u9fff]", first)
    places = [text.index(part) for part in (*PARTS, "**It closes by itself**")]
    assert places == sorted(places)
    assert len(text.split()) < MAX_WORDS


def _commands(group: typer.core.TyperGroup, prefix: str = "wdh") -> set[str]:
    found: set[str] = set()
    for name, command in group.commands.items():
        path = f"{prefix} {name}"
        inside = hasattr(command, "commands")
        found |= _commands(command, path) if inside else {path}
        if not inside or command.invoke_without_command:
            found.add(path)
    return found


@pytest.mark.parametrize(
    ("folder", "least"),
    [("docs/runbooks/*.md", 15), ("grafana/dashboards/*.json", 5), ("docs/*.md", 15)],
)
def test_every_command_that_people_are_told_to_type_is_there(folder: str, least: int) -> None:
    from work_data_hub.cli.main import app

    known = _commands(typer.main.get_command(app))  # type: ignore[arg-type]
    text = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob(folder))
    asked = set(re.findall(r"^wdh .*|(?<=`)wdh [^`]*", text, re.M))
    assert len(asked) > least
    unknown = [a for a in asked if not any(f"{a} ".startswith(f"{k} ") for k in known)]
    assert unknown == []
