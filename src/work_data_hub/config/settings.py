"""What the environment says: where files and databases are, and how often to look.

Everything has a default that works in a checkout. A value that cannot be used is a ConfigError
that names its variable; the value itself is left out, for it may hold a password.
"""

from __future__ import annotations

import os.path
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from .. import locations
from ..strict_yaml import ConfigError, Fault

PREFIX = "WDH_"
SHIPPED_DATA_SOURCES = Path(__file__).with_name("data_sources.yml")


def _absolute(path: Path) -> Path:
    """Without `..`, for a path is also a file's name in the ledger; links stay as they are."""
    return Path(os.path.normpath(path.expanduser().absolute()))


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
DatabaseUrl = Annotated[str, AfterValidator(locations.with_psycopg3)]


class Settings(BaseSettings):
    """The settings, frozen. Each is WDH_ and its name; an empty variable counts as unset.

    new_files_interval_s, dq_interval_s: the least seconds between two ticks of the sensors.
    settle_s: seconds that a file's mtime must be old before the sensor takes it.
    autostart: schedule and sensors come up running.
    dagster_url: where people open Dagster; links in messages begin with it.
    webserver_url: where `wdh serve` reaches the webserver, when that is another address.
    The rest is for `wdh serve`, see the README.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, validate_default=True
    )

    data_base_dir: AbsolutePath = Path("data")
    data_sources_config: AbsolutePath = SHIPPED_DATA_SOURCES
    state_dir: AbsolutePath = Field(default_factory=locations.state_dir)
    warehouse_url: DatabaseUrl = Field(default_factory=locations.warehouse_url, repr=False)
    alerts_url: DatabaseUrl = Field(default_factory=locations.alerts_url, repr=False)
    alerts_config: AbsolutePath = Field(default_factory=locations.alerts_config)
    autostart: bool = False
    settle_s: float = Field(default=30.0, ge=0, allow_inf_nan=False)
    new_files_interval_s: int = Field(default=300, ge=1)
    dq_interval_s: int = Field(default=600, ge=1)
    dagster_url: str | None = None
    webserver_url: str | None = None
    feed_interval_s: float = Field(default=0.25, gt=0, allow_inf_nan=False)
    reconcile_interval_s: float = Field(default=60.0, gt=0, allow_inf_nan=False)
    # Its turns are the Watchdog's beats: more than a minute apart they say that nobody is at work.
    watch_interval_s: float = Field(default=15.0, gt=0, le=30, allow_inf_nan=False)
    daemon_required: bool = False
    daemon_stale_s: float = Field(default=120.0, gt=0, allow_inf_nan=False)
    other_daemon_stale_s: float = Field(default=600.0, gt=0, allow_inf_nan=False)
    daemon_down_for_s: float = Field(default=120.0, ge=0, allow_inf_nan=False)
    dispatch_lag_s: float = Field(default=300.0, gt=0, allow_inf_nan=False)
    round_failing_s: float = Field(default=120.0, gt=0, allow_inf_nan=False)


def get_settings() -> Settings:
    """The settings as the environment has them now. Raises ConfigError."""
    try:
        return Settings()
    except ValidationError as err:
        faults = [
            Fault(None, f"{PREFIX}{str(fault['loc'][0]).upper()}", fault["msg"])
            for fault in err.errors(include_input=False, include_url=False)
        ]
        raise ConfigError("environment", faults) from None
