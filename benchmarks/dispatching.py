"""A router of this process that tells what is due as it falls due, in a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from work_data_hub.alerting import AlertRouter

LOOK_EVERY_S = 0.01


@contextmanager
def dispatching(config: str, folder: Path) -> Iterator[AlertRouter]:
    """With this alerts.yml, its store on SQLite in the folder, until the end of the block."""
    path = folder / "alerts.yml"
    path.write_text(config, encoding="utf-8")
    router = AlertRouter.from_file(path, f"sqlite:///{folder / 'alerts.db'}", environ={})
    stopping = threading.Event()

    def tell() -> None:
        while not stopping.wait(LOOK_EVERY_S):
            router.dispatch()

    thread = threading.Thread(target=tell)
    thread.start()
    try:
        yield router
    finally:
        stopping.set()
        thread.join()
        router.close()
