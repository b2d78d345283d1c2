"""Where things are when nobody says: state directory, stores, alerts.yml, Dagster, runbooks.

Standard library only, read from the environment at each call. Both halves of the package start
here: the pipeline through `config.settings`, the router's Dagster side directly.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

# Where `dagster dev` serves its pages.
DAGSTER_URL = "http://127.0.0.1:3000"
# Where `wdh serve` answers.
LISTEN = "127.0.0.1:9464"
RUNBOOK_URL = f"http://{LISTEN}/runbooks"


def state_dir(environ: Mapping[str, str] | None = None) -> Path:
    """WDH_STATE_DIR, else $DAGSTER_HOME/wdh, else ./.wdh. Not created here."""
    env = os.environ if environ is None else environ
    if given := env.get("WDH_STATE_DIR"):
        return Path(given).expanduser().absolute()
    if home := env.get("DAGSTER_HOME"):
        return (Path(home).expanduser() / "wdh").absolute()
    return (Path.cwd() / ".wdh").absolute()


def sqlite_url(path: Path) -> str:
    """The SQLAlchemy URL of a SQLite file, on any platform."""
    return f"sqlite:///{path.as_posix()}"


def warehouse_url(environ: Mapping[str, str] | None = None) -> str:
    """WDH_WAREHOUSE_URL, else warehouse.db in the state directory."""
    env = os.environ if environ is None else environ
    given = env.get("WDH_WAREHOUSE_URL")
    return with_psycopg3(given) if given else sqlite_url(state_dir(env) / "warehouse.db")


def alerts_url(environ: Mapping[str, str] | None = None) -> str:
    """WDH_ALERTS_URL, else alerts.db in the state directory."""
    env = os.environ if environ is None else environ
    given = env.get("WDH_ALERTS_URL")
    return with_psycopg3(given) if given else sqlite_url(state_dir(env) / "alerts.db")


def alerts_config(environ: Mapping[str, str] | None = None) -> Path:
    """WDH_ALERTS_CONFIG, else ./alerts.yml. It may not exist: then the built-in route is used."""
    env = os.environ if environ is None else environ
    return Path(env.get("WDH_ALERTS_CONFIG") or "alerts.yml").expanduser().absolute()


def dagster_url(environ: Mapping[str, str] | None = None) -> str:
    """WDH_DAGSTER_URL, where people open Dagster: links begin with it. No slash at its end."""
    env = os.environ if environ is None else environ
    return (env.get("WDH_DAGSTER_URL") or DAGSTER_URL).rstrip("/")


def runbooks_url(environ: Mapping[str, str] | None = None) -> str:
    """WDH_RUNBOOK_URL, else where `wdh serve` shows them by default. No slash at its end."""
    env = os.environ if environ is None else environ
    return (env.get("WDH_RUNBOOK_URL") or RUNBOOK_URL).rstrip("/")


def runbook_url(alertname: str, environ: Mapping[str, str] | None = None) -> str:
    """The alert's page."""
    return f"{runbooks_url(environ)}/{alertname}.md"


def runbooks() -> Path:
    """The folder of the runbooks: a wheel brings them along, a checkout has them in docs."""
    package = Path(__file__).parent
    installed = package / "runbooks"
    return installed if installed.is_dir() else package.parents[1] / "docs" / "runbooks"


def with_psycopg3(url: str) -> str:
    """`postgresql://` names psycopg 3 here; a URL that names its driver stays as it is."""
    for plain in ("postgresql://", "postgres://"):
        if url.startswith(plain):
            return "postgresql+psycopg://" + url.removeprefix(plain)
    return url
