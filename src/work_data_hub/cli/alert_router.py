"""The router that the commands work on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..alerting.router import AlertRouter
    from ..alerting.store.desk import Desk
    from ..alerting.store.store import Store


@contextmanager
def alert_router() -> Iterator[AlertRouter]:
    """Over alerts.yml and the store as the environment names them."""
    from ..alerting.router import AlertRouter
    from ..locations import alerts_config, alerts_url

    with closing(AlertRouter.from_file(alerts_config(), store_url=alerts_url())) as router:
        yield router


@contextmanager
def alert_store() -> Iterator[Store]:
    """The store alone: what is done by hand needs no alerts.yml, not even a sound one."""
    from ..alerting.store.store import Store
    from ..locations import alerts_url

    with closing(Store(alerts_url())) as store:
        yield store


@contextmanager
def alert_desk() -> Iterator[Desk]:
    """Where incidents, silences and dead letters are dealt with by hand."""
    from ..alerting.store.desk import Desk

    with alert_store() as store:
        yield Desk(store.database)
