"""The JSON is the code's, and Grafana can make of it what the code means."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from dashboards.__main__ import boards as coded

from work_data_hub.config.data_sources import load_data_sources
from work_data_hub.config.settings import SHIPPED_DATA_SOURCES
from work_data_hub.observability.daemons import Patience
from work_data_hub.observability.sources import DEADLINE_S

from .shipped import (
    FILES,
    FOLDER,
    annotation_queries,
    board,
    boards,
    panel_queries,
    panels,
    variable_queries,
)

ROOT = Path(__file__).parents[2]

# https://grafana.com/docs/grafana/latest/dashboards/variables/add-template-variables/#global-variables
GLOBAL = {"__interval", "__range", "__rate_interval", "__data"}
CHINESE = re.compile(r"[\u4e00-\u9fff]")

JUDGE_NOTHING = {
    "Rows loaded": "a day without files is no fault",
    "Runs: success": "any number is well",
    "Runs: canceled": "somebody wished it",
    "Since when": "a moment; whether anything is open, the panels beside it judge",
    "How long the last run took": "each job has its own usual time; RunStuck compares with it",
    "What runs": "versions",
    "Run time": "Grafana draws no limit on a heatmap",
    "Time of the exchanges": "the same",
    "Time to load a file": "the same",
}
# Which panels show what a rule of Prometheus watches.
LIMITS_OF_RULES = {
    "ScheduleMissed": ("Next run in", "Schedules", "How late schedules are"),
    "DispatchLag": ("Dispatch lag", "Dispatch lag over time"),
    "FeedLag": ("How far behind the readers are",),
}

every_board = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def test_the_json_is_what_the_code_makes() -> None:
    made = {f"{board.name}.json": board.json() for board in coded()}
    shipped = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    assert shipped == made, "`make dashboards` was not run, or a file was changed by hand"


def test_every_dashboard_is_found_by_the_links_of_the_others() -> None:
    uids = [each["uid"] for each in boards()]
    assert len(uids) == len(set(uids)) == 4
    for each in boards():
        (others,) = (link for link in each["links"] if link["type"] == "dashboards")
        assert set(others["tags"]) <= set(each["tags"])
        assert others["includeVars"] and others["keepTime"]
        assert (each["timezone"], each["title"][:12]) == ("Asia/Shanghai", "WorkDataHub ")


@every_board
def test_every_panel_says_what_it_shows_in_english_and_chinese(path: Path) -> None:
    for panel in panels(board(path)):
        english, chinese = panel["description"].split("\n\n")
        assert len(english) > 15 and not CHINESE.search(english), panel["title"]
        assert CHINESE.search(chinese), panel["title"]
        assert panel["title"] and not CHINESE.search(panel["title"])
        assert panel["fieldConfig"]["defaults"]["noValue"], panel["title"]


@every_board
def test_every_panel_has_a_unit_and_a_limit_or_a_colour_for_what_is_wrong(path: Path) -> None:
    for panel in panels(board(path)):
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert judges(panel) != (panel["title"] in JUDGE_NOTHING), panel["title"]


def test_every_panel_that_judges_nothing_is_there() -> None:
    titles = {panel["title"] for each in boards() for panel in panels(each)}
    assert set(JUDGE_NOTHING) <= titles


def judges(panel: Any) -> bool:
    """It has a threshold, or colours for certain values, or for series of certain names."""
    config = panel["fieldConfig"]
    by_name = [each["id"] for override in config["overrides"] for each in override["properties"]]
    return (
        len(config["defaults"].get("thresholds", {}).get("steps", ())) > 1
        or bool(config["defaults"].get("mappings"))
        or not {"thresholds", "mappings", "color"}.isdisjoint(by_name)
    )


def test_the_limits_are_those_of_the_alerts() -> None:
    rules = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text("utf-8"))
    exprs = {
        rule["alert"]: rule["expr"]
        for group in rules["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    for alert, titles in LIMITS_OF_RULES.items():
        limit = float(exprs[alert].rpartition(">")[2])
        assert [title for title in titles if limit not in limits(title)] == [], alert
    domains = load_data_sources(SHIPPED_DATA_SOURCES).domains.values()
    (too_old_days,) = {domain.validation.max_file_age_days for domain in domains}
    assert too_old_days * 86_400 in limits("Age of the newest file")
    stale = {of.total_seconds() for of in (Patience().quick, Patience().others)}
    assert stale == limits("Since the daemons' last heartbeat")
    assert DEADLINE_S in limits("How long the sources take")


def limits(title: str) -> set[float]:
    """The values of all thresholds of the panels with this title, without their signs."""
    shown = [panel for each in boards() for panel in panels(each) if panel["title"] == title]
    steps = _values([panel["fieldConfig"] for panel in shown], "steps")
    return {abs(step["value"]) for each in steps for step in each if step["value"] is not None}


@every_board
def test_no_panel_lies_over_another_or_beyond_the_page(path: Path) -> None:
    places = [(panel["title"], panel["gridPos"]) for panel in board(path)["panels"]]
    assert all(at["x"] + at["w"] <= 24 for _, at in places)
    lines = {at["y"] for _, at in places}
    assert all(sum(at["w"] for _, at in places if at["y"] == y) == 24 for y in lines)
    for (one, a), (other, b) in combinations(places, 2):
        apart = (
            a["x"] + a["w"] <= b["x"]
            or b["x"] + b["w"] <= a["x"]
            or a["y"] + a["h"] <= b["y"]
            or b["y"] + b["h"] <= a["y"]
        )
        assert apart, (one, other)


@every_board
def test_every_panel_asks_the_source_that_the_reader_chose(path: Path) -> None:
    for panel in panels(board(path)):
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert {source["uid"] for source in sources} == {"${datasource}"}
        names = [target["refId"] for target in panel["targets"]]
        assert len(names) == len(set(names)) > 0


@every_board
def test_every_variable_that_is_read_is_there_and_every_one_that_is_there_is_read(
    path: Path,
) -> None:
    text = path.read_text(encoding="utf-8").replace('"$__all"', "")
    read = set(re.findall(r"\$\{?([a-z_]+)", text))
    there = {variable["name"] for variable in board(path)["templating"]["list"]}
    assert read - GLOBAL == there


@every_board
def test_a_tables_columns_are_shown_under_the_titles_that_its_rules_name(path: Path) -> None:
    for panel in panels(board(path)):
        if panel["type"] != "table":
            continue
        organized = panel["transformations"][-1]["options"]
        shown = set(organized["renameByName"].values())
        ruled = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
        sorted_by = {sort["displayName"] for sort in panel["options"]["sortBy"]}
        linked = set(re.findall(r'__data\.fields\["(.+?)"\]', str(panel["fieldConfig"])))
        assert ruled | sorted_by | linked <= shown, panel["title"]
        assert not set(organized["excludeByName"]) & set(organized["renameByName"])


@every_board
def test_the_panels_have_few_colours_and_each_means_something(path: Path) -> None:
    configs = [panel["fieldConfig"] for panel in panels(board(path))]
    found = [*_values(configs, "color"), *_values(configs, "fixedColor")]
    named = {color for color in found if isinstance(color, str)}
    assert named <= {
        *("text", "transparent", "light-blue", "#8e8e9a"),
        *(f"semi-dark-{color}" for color in ("green", "blue", "orange", "red")),
    }


def test_every_metric_of_a_dashboard_is_in_the_list_of_metrics() -> None:
    list_of_metrics = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(\w+)` \|", list_of_metrics, re.MULTILINE))
    asked = [query.expr for query in (*panel_queries(), *annotation_queries())]
    asked += [query.selector for query in variable_queries()]
    names = {
        re.sub(r"_(bucket|sum|count)$", "", name)
        for expr in asked
        for name in re.findall(r"\b(?:dagster|wdh)_\w+", re.sub(r"by \(.*?\)", "", expr))
    }
    assert len(names) > 40
    assert sorted(names - listed) == []


def _values(node: Any, key: str) -> list[Any]:
    if isinstance(node, list):
        return [found for each in node for found in _values(each, key)]
    if not isinstance(node, dict):
        return []
    own = [node[key]] if key in node else []
    return own + [found for each in node.values() for found in _values(each, key)]
