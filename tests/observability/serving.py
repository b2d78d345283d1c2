"""`wdh serve` in threads of the test's own process, over a real instance and a real store."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance

from work_data_hub.observability.live_router import LiveRouter
from work_data_hub.observability.server import serve

# What a round does is there within tenths of a second; this long only where something is wrong.
PATIENCE_S = 20.0


@contextmanager
def serving(
    instance: DagsterInstance,
    config: Path,
    store_url: str,
    *,
    stop: threading.Event | None = None,
    **given: Any,
) -> Iterator[str]:
    """Its address while it runs. stop: set when the block ends, or before by the test."""
    stop, ready = stop or threading.Event(), threading.Event()
    addresses: list[str] = []
    ended: list[bool] = []

    def announce(address: str) -> None:
        addresses.append(address)
        ready.set()

    def run() -> None:
        live = LiveRouter(config, store_url)
        ended.append(
            serve(instance, live, host="127.0.0.1", port=0, stop=stop, announce=announce, **given)
        )

    thread = threading.Thread(target=run, name="serve")
    thread.start()
    try:
        assert ready.wait(PATIENCE_S)
        yield addresses[0]
    finally:
        stop.set()
        thread.join(PATIENCE_S)
    if ended != [True]:
        pytest.fail("it did not end in time")
