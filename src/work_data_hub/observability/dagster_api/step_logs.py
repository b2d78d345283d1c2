"""The end of what a step wrote to stderr, as Dagster's compute log manager keeps it.

That manager is whatever the instance is configured with: local files, a bucket, nothing at all.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from concurrent.futures import Future, TimeoutError
from threading import Thread
from typing import TYPE_CHECKING, Any

from dagster import DagsterEventType, DagsterInstance

if TYPE_CHECKING:
    from ...alerting.sink import Deadline

# Dagster's own record of the failure, frames and all, comes last; what the step said is before it.
TAIL_BYTES = 64 * 1024


def stderr_end(instance: DagsterInstance, run_id: str, step: str, *, deadline: Deadline) -> str:
    """Up to 64 KiB from the end of the stderr that the step was captured in; empty for none.

    A process that runs several steps has one stderr for all of them. Raises TimeoutError, and
    whatever the log manager raises.
    """
    log_key = _log_key(instance, run_id, step)
    if log_key is None:
        return ""
    return _within(deadline.remaining_s, instance.compute_log_manager, log_key)


def own_stderr_end() -> str:
    """The same of the step that runs in this process; no query, no network.

    While Dagster captures a step to a local file, that file is this process's stderr. Empty where
    it is something else: a terminal, a pipe, Windows.
    """
    try:
        about = os.fstat(2)
        if not stat.S_ISREG(about.st_mode) or not hasattr(os, "pread"):
            return ""
        start = max(0, about.st_size - TAIL_BYTES)
        return _whole_lines(os.pread(2, TAIL_BYTES, start), is_cut=start > 0)
    except OSError:  # not open for reading
        return ""


def _log_key(instance: DagsterInstance, run_id: str, step: str) -> Sequence[str] | None:
    """Where the last attempt of the step was captured; None where it was not, or not by Dagster."""
    captured = instance.get_records_for_run(run_id, of_type=DagsterEventType.LOGS_CAPTURED).records
    for record in reversed(captured):
        data = record.event_log_entry.get_dagster_event().logs_captured_data
        if step in (data.step_keys or ()):
            if data.external_url or data.external_stderr_url:
                return None
            return instance.compute_log_manager.build_log_key_for_run(run_id, data.file_key)
    return None


def _within(seconds: float, manager: Any, log_key: Sequence[str]) -> str:
    """In a thread of its own: a bucket that does not answer must hold up no alert."""
    result: Future[str] = Future()

    def read() -> None:
        try:
            result.set_result(_tail(manager, log_key))
        except BaseException as err:  # noqa: BLE001 - handed to the caller, which waits for it
            result.set_exception(err)

    Thread(target=read, daemon=True, name="stderr-end").start()
    try:
        return result.result(seconds)
    except TimeoutError:
        raise TimeoutError(f"the compute log manager did not answer in {seconds:.1f} s") from None


def _whole_lines(tail: bytes, *, is_cut: bool) -> str:
    """Without the line that was cut: half a secret would pass for none."""
    text = tail.decode("utf-8", "replace")
    return text.partition("\n")[2] if is_cut else text


def _tail(manager: Any, log_key: Sequence[str]) -> str:
    """The end, though a log manager does not say how long a log is: it is asked for one byte at
    places ever further on, then between the last that is there and the first that is not."""
    from dagster._core.storage.compute_log_manager import ComputeIOType

    def read(offset: int, most: int) -> bytes:
        return manager.get_log_data_for_type(log_key, ComputeIOType.STDERR, offset, most)[0] or b""

    start = read(0, TAIL_BYTES)
    if len(start) < TAIL_BYTES:
        return _whole_lines(start, is_cut=False)
    there, gone = TAIL_BYTES - 1, TAIL_BYTES * 2
    while read(gone, 1):
        there, gone = gone, gone * 4
    while gone - there > 1:
        middle = (there + gone) // 2
        there, gone = (middle, gone) if read(middle, 1) else (there, middle)
    return _whole_lines(read(gone - TAIL_BYTES, TAIL_BYTES), is_cut=gone > TAIL_BYTES)
