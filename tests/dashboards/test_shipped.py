"""The JSON is the code's, and Grafana can make of it what the code means."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from dashboards.__main__ import boards as coded
from dashboards.addresses import Addresses

from work_data_hub import locations

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

every_board = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def test_the_json_is_what_the_code_makes() -> None:
    made = {f"{board.name}.json": board.json() for board in coded(Addresses())}
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
def test_every_number_has_a_unit_and_every_judgement_its_threshold(path: Path) -> None:
    for panel in panels(board(path)):
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"], panel["title"]
        if panel["type"] in ("stat", "state-timeline"):
            assert defaults["thresholds"]["steps"], panel["title"]


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


def test_the_links_lead_where_the_code_was_told() -> None:
    told = Addresses(dagster="https://dagster.example", runbooks="https://runbooks.example")
    for each in coded(told):
        assert '"https://dagster.example"' in each.json()
        assert '"https://runbooks.example"' in each.json()


def test_links_lead_to_the_same_runbooks_as_those_of_messages() -> None:
    assert Addresses().runbooks == locations.RUNBOOK_URL
    assert all(f'"{locations.RUNBOOK_URL}"' in each.json() for each in coded(Addresses()))


def _values(node: Any, key: str) -> list[Any]:
    if isinstance(node, list):
        return [found for each in node for found in _values(each, key)]
    if not isinstance(node, dict):
        return []
    own = [node[key]] if key in node else []
    return own + [found for each in node.values() for found in _values(each, key)]
