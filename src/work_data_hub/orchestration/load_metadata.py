"""What Dagster's own pages show of a load: numbers they plot, and a table of the files."""

from __future__ import annotations

from collections.abc import Sequence

from dagster import (
    AssetKey,
    AssetMaterialization,
    AssetSpec,
    Failure,
    MetadataValue,
    TableColumn,
    TableRecord,
    TableSchema,
)

from ..domain.trustee_performance import DOMAIN
from ..io.file_load import FileReport

COUNTS = ("rows_in", "loaded", "superseded", "quarantined", "left_over")
_SCHEMA = TableSchema(
    columns=[
        TableColumn("file", "string"),
        *(TableColumn(count, "int") for count in COUNTS),
        TableColumn("why", "string"),
    ]
)


WAREHOUSE_ASSET = AssetSpec(
    AssetKey(["warehouse", DOMAIN]),
    description="The trustees' monthly figures. Loaded by the jobs of this location.",
    kinds={"table"},
)


def materialization(
    table: str, reports: Sequence[FileReport], duration_s: float
) -> AssetMaterialization:
    """The domain's table, as loaded by one run. Sums over its files; duration in seconds."""
    sums = {count: sum(getattr(report, count) for report in reports) for count in COUNTS}
    return AssetMaterialization(
        asset_key=WAREHOUSE_ASSET.key,
        description=f"{sums['loaded']} rows from {len(reports)} files",
        metadata={
            **{name: MetadataValue.int(value) for name, value in sums.items()},
            "table": MetadataValue.text(table),
            "files_failed": MetadataValue.int(sum(report.failed for report in reports)),
            "duration_s": MetadataValue.float(round(duration_s, 3)),
            "files": files_table(reports),
        },
    )


def files_failed(failed: Sequence[FileReport], *, of: int) -> Failure:
    """Names the files, and what is wrong with each. The others are committed."""
    reasons = "; ".join(f"{report.relative_path}: {report.error}" for report in failed)
    return Failure(
        description=f"{len(failed)} of {of} files failed: {reasons}",
        metadata={"files": files_table(failed)},
        # The same content fails again; the next run gives the file its other chances.
        allow_retries=False,
    )


def files_table(reports: Sequence[FileReport]) -> MetadataValue:
    """One row a file: counts, and why rows or all of it were not loaded."""
    records = [
        TableRecord(
            {
                "file": report.relative_path,
                **{count: getattr(report, count) for count in COUNTS},
                "why": report.error or ", ".join(f"{n} {why}" for why, n in report.reasons.items()),
            }
        )
        for report in reports
    ]
    return MetadataValue.table(records=records, schema=_SCHEMA)
