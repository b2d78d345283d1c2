"""Which of the files that match count. Pure; files come in and go out newest first."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from ...config.data_sources import Selection
from .discovered_file import DiscoveredFile


def selected(files: Sequence[DiscoveredFile], selection: Selection) -> list[DiscoveredFile]:
    """The files that count, newest first (year, month, version, mtime)."""
    newest_first = sorted(files, key=lambda file: file.order, reverse=True)
    match selection:
        case Selection.ALL:
            return newest_first
        case Selection.LATEST_BY_YEAR_MONTH:
            return newest_first[:1]
        case Selection.LATEST_BY_MTIME:
            by_mtime = sorted(newest_first, key=lambda file: file.metadata["modified_time"])
            return by_mtime[-1:]
        case Selection.LATEST_BY_YEAR_MONTH_AND_VERSION:
            months = groupby(newest_first, key=lambda file: (file.year, file.month))
            return [next(of_month) for _, of_month in months]
