"""The router of this process, which hooks, ops, sensors and the command line share."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from .. import locations

if TYPE_CHECKING:
    from ..alerting import AlertRouter

# What alerting_definitions() was told, so that the hooks of the same project find its store.
_given: dict[str, str] = {}


def use(*, config: str | Path | None = None, store_url: str | None = None) -> None:
    """Let `local_router` take these where it is given nothing; None leaves it to the environment.

    A relative `config` is read from the directory that the process is in now.
    """
    if config is not None:
        _given["config"] = str(Path(config).expanduser().absolute())
    if store_url is not None:
        _given["store_url"] = locations.with_psycopg3(store_url)


def local_router(config: str | Path | None = None, store_url: str | None = None) -> AlertRouter:
    """The router over alerts.yml and the store: one a process, a new one when the file changes.

    config, store_url: else what `use` was told, else the environment (see `locations`).
    Raises ConfigError when there is an alerts.yml that cannot be used. Opens no store.
    """
    path = Path(config or _given.get("config") or locations.alerts_config()).absolute()
    try:
        changed_ns = path.stat().st_mtime_ns
    except FileNotFoundError:
        changed_ns = None
    # The process id: a forked worker must not share its parent's database connections.
    return _router(path, local_store(store_url), changed_ns, os.getpid())


def local_store(store_url: str | None = None) -> str:
    """The URL of the store that `local_router` is over."""
    return store_url or _given.get("store_url") or locations.alerts_url()


@lru_cache(maxsize=8)
def _router(path: Path, url: str, _changed_ns: int | None, _pid: int) -> AlertRouter:
    from ..alerting import AlertRouter

    return AlertRouter.from_file(path, store_url=url)
