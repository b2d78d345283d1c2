"""Prices of funds, month by month: a vendor's files become a table, on the first of the month."""

import csv
import os
from pathlib import Path

from dagster import (
    AssetExecutionContext,
    AssetSelection,
    Definitions,
    MonthlyPartitionsDefinition,
    asset,
    build_schedule_from_partitioned_job,
    define_asset_job,
)

from work_data_hub.observability import alerting_definitions

MONTHS = MonthlyPartitionsDefinition(start_date="2024-01-01")


@asset(partitions_def=MONTHS, owners=["team:prices"])
def fund_prices(context: AssetExecutionContext) -> list[float]:
    """The vendor's file of the month, such as `2024-11.csv`."""
    folder = Path(os.environ.get("PRICES_DIR", "."))
    file = folder / f"{context.partition_key[:7]}.csv"
    context.log.info("reading %s", file.name)
    if not file.exists():
        raise FileNotFoundError(f"{file.name} has not come yet")
    with file.open(encoding="utf-8", newline="") as rows:
        return [float(row["price"]) for row in csv.DictReader(rows)]


@asset(partitions_def=MONTHS, owners=["team:prices"])
def average_price(fund_prices: list[float]) -> float:
    return sum(fund_prices) / len(fund_prices)


monthly = define_asset_job("monthly_prices", AssetSelection.all(), partitions_def=MONTHS)
# The last line is all: with it every run of this Dagster instance is watched, in any code location.
defs = Definitions.merge(
    Definitions(
        assets=[fund_prices, average_price],
        jobs=[monthly],
        schedules=[build_schedule_from_partitioned_job(monthly)],
    ),
    alerting_definitions(),
)
