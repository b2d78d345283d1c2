"""From the rows of one file to records and refusals. Pure: no file, no clock but the one given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ..cell_text import ROW_NUMBER, text_frame
from . import headings
from .models import PRIMARY_KEY, RECORD_COLUMNS, RefusalReason
from .outcome import Outcome
from .refusals import Fault, doubled_keys, first_faults, refused_cells, totals_rows

if TYPE_CHECKING:
    import polars as pl

SHANGHAI = ZoneInfo("Asia/Shanghai")


def process(
    rows: Iterable[Mapping[str, Any]] | pl.DataFrame,
    data_source: str,
    *,
    today: date | None = None,
    processed_at: datetime | None = None,
    pk: Sequence[str] = PRIMARY_KEY,
    required_columns: Sequence[str] | None = None,
) -> Outcome:
    """Check and clean the rows of one file.

    rows: mappings (heading -> str, int, float, Decimal, date or None) or a frame of cell texts as
    `read_excel` gives it. `row_number` says where a row stands; without it rows count from 1.
    today: what day it is in Asia/Shanghai. processed_at: aware. Both default to now.
    pk: the columns that no two rows of a file may share; every row of such a group is refused,
    even where another of them is refused for something else.
    required_columns: headings that must be there beside the keys, Chinese or English.

    A row is refused for its first fault: totals row, month, plan code, company code, return, net
    asset value, scale, key twice. Raises MissingColumns and DoubledColumn.
    """
    frame = text_frame(rows)
    names = [name for name in frame.columns if name != ROW_NUMBER]
    columns = headings.columns_by_meaning(names)
    if names or required_columns:
        headings.check_required(columns, required_columns, names)
    now = processed_at or datetime.now(UTC)
    day = today or datetime.now(SHANGHAI).date()
    return _outcome(frame, columns, data_source, today=day, processed_at=now, pk=pk)


def _outcome(
    frame: pl.DataFrame,
    columns: Mapping[str, str],
    data_source: str,
    *,
    today: date,
    processed_at: datetime,
    pk: Sequence[str],
) -> Outcome:
    import polars as pl

    from . import checks

    empty = pl.repeat(None, frame.height, eager=True, dtype=pl.String)
    cells = {name: frame[heading] for name, heading in columns.items()}

    def cell(name: str) -> pl.Series:
        return cells.get(name, empty)

    dates = {name: cells[name] for name in headings.KEYS[:3] if name in cells}
    keys = {
        "report_date": checks.report_dates(dates or {headings.PERIOD: empty}, today=today),
        "plan_code": checks.plan_codes(cell(headings.PLAN)),
        "company_code": checks.company_codes(cell(headings.COMPANY)),
    }
    totals = totals_rows(frame, columns, [check.reason for check in keys.values()])
    returns = checks.rates(cell(headings.RETURN), counted=totals.is_null())
    measures = {
        "return_rate": returns.checked,
        "net_asset_value": checks.net_asset_values(cell(headings.ASSET_VALUE)),
        "fund_scale": checks.fund_scales(cell(headings.SCALE)),
    }
    checked = keys | measures
    records = pl.DataFrame({name: check.values for name, check in checked.items()}).with_columns(
        data_source=pl.lit(data_source),
        processed_at=pl.lit(processed_at).dt.convert_time_zone("UTC").dt.cast_time_unit("us"),
        has_performance_data=pl.any_horizontal(pl.col(name).is_not_null() for name in measures),
        validation_warnings=returns.warnings,
    )
    doubled = doubled_keys(records.select(pk), counted=totals.is_null())
    faults = first_faults(
        Fault.where_true(totals.is_not_null(), RefusalReason.TOTALS_ROW, totals),
        *(Fault(check.reason, check.meaning) for check in checked.values()),
        Fault.where_true(doubled, RefusalReason.DUPLICATE_KEY, headings.PLAN),
        height=frame.height,
        columns=columns,
    )
    good = faults["reason"].is_null()
    refused = frame.filter(~good)
    return Outcome(
        frame=records.select(RECORD_COLUMNS).filter(good),
        refused_cells=refused_cells(refused, faults.filter(~good)),
        refused_rows=refused.drop(ROW_NUMBER),
        rows_in=frame.height,
        ambiguous_percent=returns.ambiguous,
    )
