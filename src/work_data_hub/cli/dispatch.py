"""`wdh alerts dispatch`: a dispatcher without Dagster."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Annotated

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

    Any number may run beside each other and beside Dagster's alerting sensor.
    """
    with alert_router() as router:
        if once:
            _show(router, router.dispatch(until_idle=True), as_json=as_json)
            return
        _until_stopped(router, as_json=as_json)


def _until_stopped(router: AlertRouter, *, as_json: bool) -> None:
    """A delivery that is under way when the signal comes is brought to its end."""
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    while not stopping:
        if told := router.dispatch():
            _show(router, told, as_json=as_json)
        due_at = router.next_due()
        wait_s = _LOOK_EVERY_S if due_at is None else due_at.timestamp() - time.time()
        time.sleep(min(_LOOK_EVERY_S, max(0.05, wait_s)))


def _show(router: AlertRouter, told: int, *, as_json: bool) -> None:
    from ..alerting.render import local_time
    from .console import console, show_json

    due_at = router.next_due()
    if as_json:
        show_json({"told": told, "next_due": due_at})
        return
    later = f"; the next is due {local_time(due_at)}" if due_at else ""
    console().print(f"{told} notification(s) taken{later}")
