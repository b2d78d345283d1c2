"""A process that counts, and dies by SIGKILL at a given step. Run by test_tally."""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from dagster import DagsterInstance

from work_data_hub.alerting.sink import Deadline
from work_data_hub.alerting.store import totals
from work_data_hub.alerting.store.store import Store
from work_data_hub.observability import tally


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(home: str, url: str, now: str, step: str) -> None:
    store = Store(url)
    if step == "adding":  # the cursor is moved and the totals are added, but not committed
        add = totals.add
        totals.add = lambda *given, **more: die(add(*given, **more))  # type: ignore[assignment]
    with DagsterInstance.from_config(str(Path(home))) as instance:
        tally.advance(
            instance, store, now=datetime.fromisoformat(now), deadline=Deadline(60.0), batch=2
        )
    if step == "added":
        die()


if __name__ == "__main__":
    main(*sys.argv[1:])
