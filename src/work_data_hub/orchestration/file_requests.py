"""Which files the sensor asks runs for, in what batches, under which keys. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..io.connectors.file_connector import DiscoveredFile
from ..io.loader.ledger import FileState, LedgerEntry
from .requested_runs import EndedRun

Path = str


@dataclass(frozen=True)
class Batch:
    """The files of one run request, oldest first, and its run key."""

    run_key: str
    paths: tuple[str, ...]
    max_mtime: float


def watermark(cursor: str | None) -> float | None:
    """The cursor as a number; None where there is none that means a time (`nan`, `inf`, text)."""
    try:
        value = float(cursor) if cursor is not None else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def modified_s(file: DiscoveredFile) -> float:
    """Seconds since the epoch."""
    return float(file.metadata["modified_time"])


def batches(
    files: Sequence[DiscoveredFile],
    entries: Mapping[Path, LedgerEntry],
    *,
    max_files: int,
    unused_key: Callable[..., str],
) -> list[Batch]:
    """`files` in the same order, cut into requests.

    A file that a run has already failed on goes alone: it must not take others down with it, and
    their run must not be marked failed because of it.
    """
    groups: list[list[DiscoveredFile]] = [[]]
    alone: list[list[DiscoveredFile]] = []
    for file in files:
        entry = entries.get(file.path)
        if entry is not None and entry.state is FileState.FAILED:
            alone.append([file])
        elif len(groups[-1]) < max_files:
            groups[-1].append(file)
        else:
            groups.append([file])
    made: list[Batch] = []
    for group in [*filter(None, groups), *alone]:
        newest = max(modified_s(file) for file in group)
        key = unused_key(str(newest), taken=[batch.run_key for batch in made])
        made.append(Batch(key, tuple(file.path for file in group), newest))
    return made


def crashed(
    files: Iterable[DiscoveredFile],
    entries: Mapping[Path, LedgerEntry],
    ended: Sequence[EndedRun],
) -> list[tuple[DiscoveredFile, EndedRun]]:
    """Files whose run ended without success and without a word in the ledger, run by run.

    Such a run died (killed, out of memory) before it could say which file it failed on. It counts
    as a failed run of each of its files, else a file that kills its run is requested for ever.
    A run asked for before the file's present content arrived, or before `wdh files retry` gave the
    file its chances again, says nothing about it.
    """
    found = []
    for file in files:
        entry = entries.get(file.path)
        known = set(entry.failed_runs) if entry is not None else set()
        since_s = float(file.metadata.get("ctime") or modified_s(file))
        if entry is not None and entry.is_retried:
            since_s = max(since_s, entry.updated_at.timestamp())
        for run in ended:
            if run.root_run_id in known or file.path not in run.paths:
                continue
            if run.requested_at_s >= since_s:
                known.add(run.root_run_id)
                found.append((file, run))
    return found
