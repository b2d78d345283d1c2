"""What the environment says, read at each call."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from work_data_hub.config.settings import SHIPPED_DATA_SOURCES, get_settings
from work_data_hub.strict_yaml import ConfigError


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith("WDH_") or name == "DAGSTER_HOME":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_with_no_environment_everything_is_where_a_checkout_has_it(tmp_path: Path) -> None:
    settings = get_settings()
    assert settings.data_base_dir == tmp_path / "data"
    assert settings.data_sources_config == SHIPPED_DATA_SOURCES
    assert SHIPPED_DATA_SOURCES.is_file()
    assert settings.state_dir == tmp_path / ".wdh"
    assert settings.warehouse_url == f"sqlite:///{tmp_path.as_posix()}/.wdh/warehouse.db"
    assert settings.alerts_url == f"sqlite:///{tmp_path.as_posix()}/.wdh/alerts.db"
    assert settings.alerts_config == tmp_path / "alerts.yml"
    assert settings.autostart is False
    assert settings.settle_s == 30
    assert settings.new_files_interval_s == 300
    assert settings.dq_interval_s == 600
    assert settings.dagster_url is None


def test_the_environment_is_read_at_each_call(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WDH_DATA_BASE_DIR", str(tmp_path / "first"))
    assert get_settings().data_base_dir == tmp_path / "first"
    monkeypatch.setenv("WDH_DATA_BASE_DIR", str(tmp_path / "second"))
    assert get_settings().data_base_dir == tmp_path / "second"


def test_reading_creates_nothing(tmp_path: Path) -> None:
    get_settings()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("WDH_AUTOSTART", "true", True),
        ("WDH_SETTLE_S", "0.5", 0.5),
        ("WDH_NEW_FILES_INTERVAL_S", "60", 60),
        ("WDH_DQ_INTERVAL_S", "60", 60),
        ("WDH_DAGSTER_URL", "http://dagster:3000", "http://dagster:3000"),
        ("WDH_WEBSERVER_URL", "http://webserver:3000", "http://webserver:3000"),
        ("WDH_WAREHOUSE_URL", "postgresql://db/warehouse", "postgresql+psycopg://db/warehouse"),
        ("WDH_ALERTS_URL", "postgres://db/alerts", "postgresql+psycopg://db/alerts"),
    ],
)
def test_each_setting_has_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object
) -> None:
    monkeypatch.setenv(name, text)
    assert getattr(get_settings(), name.removeprefix("WDH_").lower()) == value


@pytest.mark.parametrize(
    "name",
    ["WDH_DATA_BASE_DIR", "WDH_DATA_SOURCES_CONFIG", "WDH_STATE_DIR", "WDH_ALERTS_CONFIG"],
)
def test_paths_are_made_absolute_without_dots(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv(name, "one/../two")
    assert getattr(get_settings(), name.removeprefix("WDH_").lower()) == tmp_path / "two"


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WDH_DATA_BASE_DIR", "")
    monkeypatch.setenv("WDH_WAREHOUSE_URL", "")
    assert get_settings().data_base_dir == tmp_path / "data"
    assert get_settings().warehouse_url.startswith("sqlite:///")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("WDH_SETTLE_S", "soon"),
        ("WDH_SETTLE_S", "-1"),
        ("WDH_SETTLE_S", "nan"),
        ("WDH_SETTLE_S", "inf"),
        ("WDH_NEW_FILES_INTERVAL_S", "0"),
        ("WDH_DQ_INTERVAL_S", "ten"),
        ("WDH_AUTOSTART", "perhaps"),
        ("WDH_WATCH_INTERVAL_S", "31"),
    ],
)
def test_a_value_that_cannot_be_used_is_an_error_that_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(ConfigError, match=f"^environment: {name}: Input should"):
        get_settings()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        get_settings().autostart = True  # type: ignore[misc]


def test_a_password_does_not_show_where_settings_are_printed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WDH_WAREHOUSE_URL", "postgresql://wdh:s3cret@db/warehouse")
    monkeypatch.setenv("WDH_ALERTS_URL", "postgresql://wdh:s3cret@db/alerts")
    assert "s3cret" not in f"{get_settings()!r} {get_settings()}"
