"""What the documents say is there, is there; what is there, the documents say."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import typer
import yaml

ROOT = Path(__file__).parents[1]
PROMISES = ROOT / "docs" / "promises.md"
GUARANTEES = ROOT / "docs" / "guarantees.md"
TEST_ID = re.compile(r"`(tests/[\w/]+\.py)::(\w+)(?:::(\w+))?`")


def _functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }


def _documents() -> str:
    texts = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return "\n".join(path.read_text(encoding="utf-8") for path in texts)


@pytest.mark.parametrize("path", [PROMISES, GUARANTEES], ids=lambda path: path.stem)
def test_every_promise_names_tests_that_exist(path: Path) -> None:
    named = TEST_ID.findall(path.read_text(encoding="utf-8"))
    assert len(named) > 30
    missing = [
        f"{test}::{name}"
        for test, first, second in named
        for name in filter(None, (first, second))
        if not (ROOT / test).exists() or name not in _functions(ROOT / test)
    ]
    assert missing == []


def test_every_row_of_the_promises_names_a_test() -> None:
    rows = [line for line in PROMISES.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    bare = [row for row in rows[1:] if not TEST_ID.search(row) and "---" not in row]
    assert [row for row in bare if not row.startswith("| promise")] == []


def test_every_setting_is_documented() -> None:
    from work_data_hub.config.settings import PREFIX, Settings

    documents = _documents()
    names = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]
    assert [name for name in names if f"`{name}`" not in documents] == []


def _commands(group: typer.core.TyperGroup, prefix: str) -> list[str]:
    found = []
    for name, command in group.commands.items():
        if command.hidden:
            continue
        path = f"{prefix} {name}"
        found += _commands(command, path) if hasattr(command, "commands") else [path]
    return found


def test_every_command_is_documented() -> None:
    from work_data_hub.cli.main import app

    documents = _documents()
    commands = _commands(typer.main.get_command(app), "wdh")
    assert len(commands) >= 10
    assert [command for command in commands if command not in documents] == []


def test_the_shipped_configurations_name_nothing_but_what_is_read() -> None:
    from work_data_hub.config.data_sources import load_data_sources
    from work_data_hub.config.settings import SHIPPED_DATA_SOURCES

    written = yaml.safe_load(SHIPPED_DATA_SOURCES.read_text(encoding="utf-8"))
    assert set(load_data_sources(SHIPPED_DATA_SOURCES).domains) == set(written["domains"])


def test_the_lock_names_no_index() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert not re.search(r"^\s*(--(extra-)?index-url|-i|--find-links|-f)\b", lock, re.MULTILINE)


def test_the_oldest_dagster_that_is_tested_is_the_oldest_that_is_admitted() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    admitted = re.search(r'"dagster>=(\d+\.\d+),', project)
    tested = (ROOT / "tests" / "oldest-dagster.txt").read_text(encoding="utf-8")
    assert admitted is not None
    assert f"dagster=={admitted[1]}.0\n" in tested
    assert f"Dagster {admitted[1]} to" in (ROOT / "README.md").read_text(encoding="utf-8")
