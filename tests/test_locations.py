"""Where things are when nobody says."""

from __future__ import annotations

from pathlib import Path

import pytest

from work_data_hub import locations


def test_the_state_directory_is_the_one_that_is_named(tmp_path: Path) -> None:
    environ = {"WDH_STATE_DIR": str(tmp_path / "state"), "DAGSTER_HOME": str(tmp_path / "home")}
    assert locations.state_dir(environ) == tmp_path / "state"


def test_without_a_name_the_state_directory_is_in_dagsters_home(tmp_path: Path) -> None:
    assert locations.state_dir({"DAGSTER_HOME": str(tmp_path)}) == tmp_path / "wdh"


def test_without_a_home_the_state_directory_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert locations.state_dir({}) == tmp_path / ".wdh"
    assert locations.state_dir({"WDH_STATE_DIR": "", "DAGSTER_HOME": ""}) == tmp_path / ".wdh"


def test_a_tilde_is_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert locations.state_dir({"WDH_STATE_DIR": "~/wdh"}) == tmp_path / "wdh"


def test_both_databases_are_sqlite_in_the_state_directory(tmp_path: Path) -> None:
    environ = {"WDH_STATE_DIR": str(tmp_path)}
    assert locations.warehouse_url(environ) == f"sqlite:///{tmp_path.as_posix()}/warehouse.db"
    assert locations.alerts_url(environ) == f"sqlite:///{tmp_path.as_posix()}/alerts.db"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_a_plain_postgresql_url_names_psycopg_3(scheme: str) -> None:
    environ = {
        "WDH_WAREHOUSE_URL": f"{scheme}://host/warehouse",
        "WDH_ALERTS_URL": f"{scheme}://host/alerts",
    }
    assert locations.warehouse_url(environ) == "postgresql+psycopg://host/warehouse"
    assert locations.alerts_url(environ) == "postgresql+psycopg://host/alerts"


def test_a_url_that_names_its_driver_stays_as_it_is() -> None:
    url = "postgresql+psycopg2://host/warehouse"
    assert locations.warehouse_url({"WDH_WAREHOUSE_URL": url}) == url


def test_alerts_yml_is_here_unless_another_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert locations.alerts_config({}) == tmp_path / "alerts.yml"
    assert locations.alerts_config({"WDH_ALERTS_CONFIG": "team.yml"}) == tmp_path / "team.yml"
