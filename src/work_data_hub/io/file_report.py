"""What became of one file, for people and for Dagster's metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .file_read import FailureKind
from .loader.ledger import FileState


@dataclass(frozen=True)
class FileReport:
    """rows_in = loaded + superseded + quarantined, always.

    With plan_only: what would be. superseded: rows whose key the table has from a newer file.
    left_over: rows of an older version of this month, or of earlier content of this file, that
    are not in this file; they stay in the table. reasons: quarantined rows by reason.
    unchanged: the ledger has this very content as loaded; nothing was done, all counts are 0.
    error, error_kind: why nothing was loaded. warnings: rows with a validation warning.
    """

    path: str
    relative_path: str
    state: FileState
    rows_in: int = 0
    loaded: int = 0
    superseded: int = 0
    quarantined: int = 0
    left_over: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    error: str | None = None
    error_kind: FailureKind | None = None
    unchanged: bool = False
    duration_s: float = 0.0
    ambiguous_percent: bool = False
    refused_share: float = 0.0
    warnings: int = 0

    def __post_init__(self) -> None:
        accounted = self.loaded + self.superseded + self.quarantined
        assert self.rows_in == accounted, f"{self.relative_path}: {self.rows_in} != {accounted}"

    @property
    def failed(self) -> bool:
        return self.error is not None
