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

if TYPE_CHECKING:
    import polars as pl

SHANGHAI = ZoneInfo("Asia/Shanghai")
_TOTALS = r"[合总小]\s*计"
_TOTALS_CELL = rf"^\s*{_TOTALS}\s*[:：]?\s*$"


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

    totals = _totals_rows(frame, [columns[name] for name in headings.KEYS if name in columns])
    dates = {name: cells[name] for name in headings.KEYS[:3] if name in cells}
    returns = checks.rates(cell(headings.RETURN), counted=totals.is_null())
    checked = {
        "report_date": checks.report_dates(dates or {headings.PERIOD: empty}, today=today),
        "plan_code": checks.plan_codes(cell(headings.PLAN)),
        "company_code": checks.company_codes(cell(headings.COMPANY)),
        "return_rate": returns.checked,
        "net_asset_value": checks.net_asset_values(cell(headings.ASSET_VALUE)),
        "fund_scale": checks.fund_scales(cell(headings.SCALE)),
    }
    records = pl.DataFrame({name: check.values for name, check in checked.items()})
    measures = ("return_rate", "net_asset_value", "fund_scale")
    records = records.with_columns(
        data_source=pl.lit(data_source),
        processed_at=pl.lit(processed_at).dt.convert_time_zone("UTC").dt.cast_time_unit("us"),
        has_performance_data=pl.any_horizontal(pl.col(name).is_not_null() for name in measures),
        validation_warnings=returns.warnings,
    ).select(RECORD_COLUMNS)
    faults = _faults(checked, totals, _doubled(records, totals, pk), columns)
    good = faults["reason"].is_null()
    refused = ~good
    return Outcome(
        frame=records.filter(good),
        refused_cells=_refused_cells(frame.filter(refused), faults.filter(refused)),
        refused_rows=frame.filter(refused).drop(ROW_NUMBER),
        rows_in=frame.height,
        ambiguous_percent=returns.ambiguous,
    )


def _totals_rows(frame: pl.DataFrame, keys: Sequence[str]) -> pl.Series:
    """For each row the heading under which it says that it is a total, null for none.

    A total says so in one of the key columns, or in the first cell that is filled at all.
    """
    import polars as pl

    names = [name for name in frame.columns if name != ROW_NUMBER]
    if not names:
        return pl.Series(dtype=pl.String)
    filled = {name: pl.col(name).str.contains(r"\S") for name in names}
    first = pl.coalesce(*(pl.when(filled[name]).then(pl.col(name)) for name in names))
    says_so = first.str.contains(_TOTALS_CELL)
    where = pl.coalesce(*(pl.when(filled[name]).then(pl.lit(name)) for name in names))
    in_keys = [pl.when(pl.col(name).str.contains(_TOTALS)).then(pl.lit(name)) for name in keys]
    return frame.select(pl.coalesce(*in_keys, pl.when(says_so).then(where))).to_series()


def _doubled(records: pl.DataFrame, totals: pl.Series, pk: Sequence[str]) -> pl.Series:
    """Whether a row's key stands in another row too; rows without a usable key share none."""
    import polars as pl

    keys = records.select(pk)
    usable = keys.select(pl.all_horizontal(pl.all().is_not_null())).to_series() & totals.is_null()
    doubled = keys.filter(usable).is_duplicated()
    return pl.repeat(False, len(usable), eager=True, dtype=pl.Boolean).scatter(
        usable.arg_true(), doubled
    )


def _faults(
    checked: Mapping[str, Any],
    totals: pl.Series,
    doubled: pl.Series,
    columns: Mapping[str, str],
) -> pl.DataFrame:
    """The first fault of each row: `column` (a heading) and `reason`, both null for none."""
    import polars as pl

    key_heading = columns.get(headings.PLAN, headings.PLAN)
    reasons = [
        pl.when(totals.is_not_null()).then(pl.lit(RefusalReason.TOTALS_ROW.value)),
        *(pl.lit(check.reason) for check in checked.values()),
        pl.when(doubled).then(pl.lit(RefusalReason.DUPLICATE_KEY.value)),
    ]
    blamed = [
        pl.lit(totals),
        *(
            pl.when(check.reason.is_not_null()).then(pl.lit(check.meaning.replace(dict(columns))))
            for check in checked.values()
        ),
        pl.when(doubled).then(pl.lit(key_heading)),
    ]
    return pl.select(column=pl.coalesce(*blamed), reason=pl.coalesce(*reasons))


def _refused_cells(frame: pl.DataFrame, faults: pl.DataFrame) -> pl.DataFrame:
    """row_number, column, value and reason of the refused rows."""
    import polars as pl

    values = [
        pl.when(pl.col("column") == name).then(pl.col(f"cell:{name}"))
        for name in faults["column"].unique().to_list()
        if name in frame.columns
    ]
    cells = frame.drop(ROW_NUMBER).rename(lambda name: f"cell:{name}")
    value = pl.coalesce(*values) if values else pl.lit(None, dtype=pl.String)
    return pl.concat([faults, cells], how="horizontal").select(
        frame[ROW_NUMBER], "column", value.alias("value"), "reason"
    )
