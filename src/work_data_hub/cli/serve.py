"""`wdh serve`: alerting as a process of its own."""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
from dataclasses import replace
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..locations import LISTEN
from .errors import Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

    from dagster import DagsterInstance

    from ..config.settings import Settings
    from ..observability.collector import DagsterCollector
    from ..observability.live_router import LiveRouter
    from ..observability.server import Intervals
    from ..observability.sources import Source
    from ..observability.watch import Limits

MAX_PORT = 65_535
_ListenOption = typer.Option("--listen", metavar="HOST:PORT", help="Where it answers over HTTP.")


def serve(listen: Annotated[str, _ListenOption] = LISTEN) -> None:
    """Watch the Dagster instance of DAGSTER_HOME, tell what is due, and answer over HTTP.

    /metrics for Prometheus, /-/healthy and /-/ready, /runbooks/ for people. Until SIGTERM or
    Ctrl-C; deliveries that are under way are brought to their ends. Any number may run beside each
    other and beside Dagster's alerting sensor. It loads no user code.
    """
    from ..config.settings import get_settings
    from ..observability.live_router import LiveRouter
    from ..observability.server import serve as serve_until

    host, port = address_of(listen)
    settings = get_settings()
    instance = dagster_instance(os.environ)
    live = LiveRouter(settings.alerts_config, settings.alerts_url)
    _log_to_stderr()
    stop = _stop_on_signals()
    for line in _about(live):
        _say(line)
    # What was imported stays. A full pass of Python's collector over it costs a scrape 0.15 s.
    gc.freeze()
    try:
        with instance:
            ended = serve_until(
                instance,
                live,
                host=host,
                port=port,
                stop=stop,
                intervals=_intervals(settings),
                limits=_limits(settings),
                collectors=[_dagster_collector(instance, settings)],
                announce=lambda address: _say(f"serving on {address}"),
            )
    except OSError as err:
        raise Mistake(f"cannot listen on {listen}: {err.strerror or err}") from None
    if not ended:
        _say("a delivery did not keep its deadline; it is tried again by whoever dispatches next")


def _intervals(settings: Settings) -> Intervals:
    from ..observability.server import Intervals

    return Intervals(
        feed_s=settings.feed_interval_s,
        reconcile_s=settings.reconcile_interval_s,
        watch_s=settings.watch_interval_s,
    )


def _limits(settings: Settings) -> Limits:
    from ..observability.daemons import Patience
    from ..observability.watch import Limits

    return Limits(
        daemons=Patience(
            quick=timedelta(seconds=settings.daemon_stale_s),
            others=timedelta(seconds=settings.other_daemon_stale_s),
            holds_for=timedelta(seconds=settings.daemon_down_for_s),
            requires_daemon=settings.daemon_required,
        ),
        dispatch_lag_s=settings.dispatch_lag_s,
        round_failing_s=settings.round_failing_s,
    )


def _dagster_collector(instance: DagsterInstance, settings: Settings) -> DagsterCollector:
    from ..alerting.store.store import Store
    from ..observability.collector import DagsterCollector

    return DagsterCollector(
        instance,
        store=Store(settings.alerts_url),
        dagster_url=settings.webserver_url or settings.dagster_url,
        more=sources_of_pipeline(settings),
        patience=_limits(settings).daemons,
    )


def sources_of_pipeline(settings: Settings) -> list[Source[Any]]:
    """What the pipeline tells of itself; nothing for a team that only adopted the router.

    Whether there is one is looked at anew each time: the first load may come after the start.
    """
    if not all(find_spec(name) for name in ("polars", "fastexcel")):
        return []
    from ..orchestration.metrics import pipeline_sources

    return [_once_there(source, settings) for source in pipeline_sources(settings)]


def _once_there(source: Source[Any], settings: Settings) -> Source[Any]:
    def read() -> object:
        return source.read() if _has_pipeline(settings) else source.nothing

    return replace(source, read=read)


def _has_pipeline(settings: Settings) -> bool:
    """A setting names its folder or its warehouse, or it has loaded something."""
    named = {"warehouse_url", "data_base_dir", "data_sources_config"} & settings.model_fields_set
    return bool(named) or (settings.state_dir / "warehouse.db").exists()


def address_of(listen: str) -> tuple[str, int]:
    """`127.0.0.1:9464` and `[::1]:9464` as host and port. Raises Mistake."""
    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not colon or not port.isdecimal() or int(port) > MAX_PORT:
        raise Mistake(
            f"--listen {listen}: write HOST:PORT, such as 127.0.0.1:9464;"
            " 0.0.0.0:9464 lets other machines in"
        )
    return host, int(port)


def dagster_instance(environ: Mapping[str, str]) -> DagsterInstance:
    """The instance of DAGSTER_HOME. Raises Mistake where there is none that can be read.

    A directory in which Dagster never ran is taken for a wrong one: an instance made there now
    would be watched for ever, and nothing would ever happen in it.
    """
    home = environ.get("DAGSTER_HOME")
    if not home:
        raise Mistake(
            "DAGSTER_HOME is not set. wdh serve watches a Dagster instance: set DAGSTER_HOME to the"
            " directory that your webserver and daemon have (the one with dagster.yaml)"
        )
    folder = Path(home).expanduser()
    if not folder.is_absolute() or not folder.is_dir():
        raise Mistake(f"DAGSTER_HOME {home}: there is no such directory, or its path is relative")
    if not any((folder / name).exists() for name in ("dagster.yaml", "history", "storage")):
        raise Mistake(
            f"DAGSTER_HOME {home} holds no Dagster instance: neither dagster.yaml nor Dagster's own"
            " storage. Start Dagster with it once, or name the directory that Dagster uses"
        )
    from dagster import DagsterInstance

    from ..observability.dagster_api import run_log

    try:
        instance = DagsterInstance.get()
        run_log.storage_id(instance)
    except Exception as err:
        if not _is_storages(err):
            raise
        raise Mistake(
            f"the storage of the Dagster instance {home} cannot be read: {_why(err)}"
        ) from None
    return instance


def _is_storages(err: Exception) -> bool:
    """What a storage raises that is not there, or whose package is not."""
    from dagster import DagsterError
    from sqlalchemy.exc import SQLAlchemyError

    of_a_package = type(err).__module__.partition(".")[0] in ("dagster_postgres", "dagster_mysql")
    return of_a_package or isinstance(err, (DagsterError, SQLAlchemyError, OSError, ImportError))


def _why(err: Exception) -> str:
    """The driver's own first line, where it is a driver's error: SQLAlchemy's quotes the query."""
    cause = err.__cause__ or err
    said = str(getattr(cause, "orig", None) or cause).strip()
    return f"{type(cause).__name__}: {said.partition(chr(10))[0]}"


def _about(live: LiveRouter) -> Iterator[str]:
    config = live.router.config
    yield f"Dagster instance: {os.environ['DAGSTER_HOME']}"
    yield f"alert store: {live.router.store.database.name}"
    yield f"alerts.yml: {live.path}" + ("" if live.path.exists() else " (not there; built in)")
    yield from config.caveats()


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def _log_to_stderr() -> None:
    """What the router and the rounds log, one line an outcome; of others, what is an error.

    dagster-postgres warns five times of each connection that fails; the round says it once.
    """
    logging.basicConfig(level=logging.ERROR, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger(__package__.partition(".")[0]).setLevel(logging.INFO)


def _stop_on_signals() -> threading.Event:
    """Set by the first SIGTERM or Ctrl-C; the second ends the process at once."""
    stop = threading.Event()

    def asked(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, asked)
    return stop
