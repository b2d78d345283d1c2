"""Which files a run should take: what discovery saw, held against the ledger. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from .ledger import FileState, LedgerEntry

if TYPE_CHECKING:
    from ..connectors.file_connector import DiscoveredFile

# In metadata, and in the ledger. Where discovery gives only the first, the first decides.
IDENTITY = (("modified_time", "mtime"), ("size", "size"), ("ctime", "ctime"), ("inode", "inode"))
_DONE_FOR_A_RUN = frozenset({FileState.LOADED, FileState.REFUSED})
_DONE_FOR_THE_SENSOR = _DONE_FOR_A_RUN | {FileState.SEEN}


def pending(
    files: Iterable[DiscoveredFile],
    entries: Mapping[str, LedgerEntry],
    *,
    now_s: float | None = None,
    settle_s: float = 0,
) -> list[DiscoveredFile]:
    """The files that the sensor should have loaded, oldest first (year, month, version, mtime).

    A file is left out when the ledger has it as loaded, seen or refused and it is still the same
    file, or when it may still be written to: its mtime less than `settle_s` before `now_s`
    (seconds since the epoch; None asks nothing). One dated in the future counts as settled.
    """
    settled = [file for file in files if _settled(file, now_s, settle_s)]
    return _waiting(settled, entries, _DONE_FOR_THE_SENSOR)


def waiting_for_a_run(
    files: Iterable[DiscoveredFile], entries: Mapping[str, LedgerEntry]
) -> list[DiscoveredFile]:
    """What a run without paths takes, oldest first: also what was only seen so far."""
    return _waiting(files, entries, _DONE_FOR_A_RUN)


def is_same_file(file: DiscoveredFile, entry: LedgerEntry) -> bool:
    """Whether mtime, size, ctime and inode are what they were, as far as both sides know them."""
    for name, field in IDENTITY:
        now, before = file.metadata.get(name), getattr(entry, field)
        if now is not None and before is not None and now != before:
            return False
    return True


def _waiting(
    files: Iterable[DiscoveredFile],
    entries: Mapping[str, LedgerEntry],
    done: Collection[FileState],
) -> list[DiscoveredFile]:
    waiting = []
    for file in files:
        entry = entries.get(file.path)
        if entry is None or entry.state not in done or not is_same_file(file, entry):
            waiting.append(file)
    return sorted(waiting, key=lambda file: file.order)


def _settled(file: DiscoveredFile, now_s: float | None, settle_s: float) -> bool:
    if now_s is None:
        return True
    age_s = now_s - file.metadata["modified_time"]
    return not 0 <= age_s < settle_s
