"""`wdh alerts dispatch`: a dispatcher without Dagster."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .alert_router import alert_router
from .options import Json

if TYPE_CHECKING:
    from types import FrameType

    from ..alerting.router import AlertRouter

# What another process publishes is told so much later at most.
_LOOK_EVERY_S = 1.0


def dispatch(
    once: Annotated[bool, typer.Option("--once", help="Tell what is due now, and end.")] = False,
    as_json: Json = False,
) -> None:
    """Tell what is due, again and again until it is stopped (Ctrl-C); with --once, now.

    Any number may run beside each other and beside Dagster's alerting sensor. With --json, a line
    for each round that told something.
    """
    from .console import show_json, show_json_line

    with alert_router() as router:
        if once:
            told = router.dispatch(until_idle=True)
            _show(router, told, as_json=show_json if as_json else None)
            return
        _until_stopped(router, as_json=show_json_line if as_json else None)


def _until_stopped(router: AlertRouter, *, as_json: Callable[[Any], None] | None) -> None:
    """A delivery that is under way when the signal comes is brought to its end.

    It outlives a store that is locked or away: what it holds would else be told twice.
    """
    from ..alerting.errors import StoreUnavailable

    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    for caveat in router.config.caveats():
        _say(caveat)
    is_away = False
    while not stopping:
        try:
            wait_s = _look(router, as_json=as_json)
        except StoreUnavailable as err:
            # What it has told meanwhile and could not record, its next pass records.
            if not is_away:
                _say(f"{err}; this dispatcher waits for it")
            is_away, wait_s = True, _LOOK_EVERY_S
        else:
            if is_away:
                _say("the store is back")
            is_away = False
        time.sleep(min(_LOOK_EVERY_S, max(0.05, wait_s)))


def _look(router: AlertRouter, *, as_json: Callable[[Any], None] | None) -> float:
    """One pass; the seconds until something more is due."""
    if told := router.dispatch():
        _show(router, told, as_json=as_json)
    due_at = router.next_due()
    return _LOOK_EVERY_S if due_at is None else due_at.timestamp() - time.time()


def _say(line: str) -> None:
    print(f"wdh: {line}", file=sys.stderr, flush=True)  # noqa: T201


def _show(router: AlertRouter, told: int, *, as_json: Callable[[Any], None] | None) -> None:
    """as_json: writes a document, in place of a sentence for people."""
    from ..alerting.render import local_time
    from .console import console

    due_at = router.next_due()
    if as_json is not None:
        as_json({"told": told, "next_due": due_at})
        return
    later = f"; the next is due {local_time(due_at)}" if due_at else ""
    console().print(f"{told} notification(s) taken{later}")
