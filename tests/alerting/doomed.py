"""A process that publishes, dispatches, and dies by SIGKILL, or stops, at a given step: test_kill.

Its sink appends a line for each notification it takes, and has it on disk before it answers.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from work_data_hub.alerting import Alert, AlertRouter, claiming, dispatcher
from work_data_hub.alerting.errors import StoreUnavailable
from work_data_hub.alerting.kind import Kind, SinkConfig
from work_data_hub.alerting.sink import Deadline, Notification, Receipt
from work_data_hub.alerting.store import firing, groups

CONFIG = """
route: {receiver: team, group_by: [job], group_wait: 0s, group_interval: 1ms}
receivers:
  - name: team
    file_configs: [{}]
"""


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying_after(
    function: Callable[..., Any], *, of_what: Callable[[Any], bool] = lambda _: True
) -> Callable[..., Any]:
    """of_what: which of its answers are the last."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        answer = function(*args, **kwargs)
        if of_what(answer):
            die()
        return answer

    return wrapped


class FileSink:
    can_edit = True
    pace_s = 0.0

    def __init__(self, path: Path, step: str) -> None:
        self.path = path
        self.step = step

    def deliver(self, notification: Notification, *, deadline: Deadline) -> Receipt:
        if self.step == "delivering":
            die()
        if self.step == "endless":
            time.sleep(0.02)  # so that it is killed in the midst of it
        line = {
            "job": notification.group_labels["job"],
            "purpose": notification.purpose,
            "key": notification.key,
        }
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
        if self.step == "delivered":
            die()
        if self.step == "stopping":
            os.kill(os.getpid(), signal.SIGSTOP)
        return Receipt({"n": "1"})


def router_in(folder: Path, *, step: str = "", **options: Any) -> AlertRouter:
    """A router over `folder`, its sink's file there, and its store: there, or where `url` says."""
    config = folder / "alerts.yml"
    if not config.exists():
        config.write_text(CONFIG, encoding="utf-8")
    sink = FileSink(folder / "told.jsonl", step)
    kind = Kind("file", SinkConfig, lambda _config, *, redact, http: sink)
    url = folder / "url"
    store = url.read_text() if url.exists() else f"sqlite:///{folder / 'alerts.db'}"
    return AlertRouter.from_file(config, store, environ={}, kinds={"file": kind}, **options)


def main(folder: Path, step: str) -> None:
    if step == "publishing":
        firing.publish = dying_after(firing.publish)
    elif step == "routing":
        groups.converse = dying_after(groups.converse)
    elif step == "claiming":
        claim = claiming.Claiming.claim
        claiming.Claiming.claim = dying_after(claim)  # type: ignore[method-assign]
    elif step == "claimed":
        dispatcher.Dispatcher._submit = die  # type: ignore[method-assign]
    elif step == "recording":
        dispatcher.settle = dying_after(dispatcher.settle, of_what=lambda tried: tried != (0, 0))
    elif step == "recorded":
        dispatcher.Dispatcher._turn = dying_after(  # type: ignore[method-assign]
            dispatcher.Dispatcher._turn, of_what=lambda turn: turn.attempted > 0
        )
    if step == "endless":
        # A database clock that runs fast: the leases of the dead end sooner.
        router = router_in(folder, step=step, database_clock=lambda: time.time() * 2)
        while True:
            with suppress(StoreUnavailable):
                router.drain(budget_s=0.2)
    router = router_in(folder, step=step)
    router.publish(Alert({"alertname": "RunFailed", "job": "daily"}, event_key="run_failed:1"))
    if step == "published":
        die()
    router.dispatch()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
