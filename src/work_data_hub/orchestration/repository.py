"""What Dagster loads: the trustee pipeline, and the alerting that watches it."""

from dagster import Definitions

from ..observability import alerting_definitions
from .jobs import trustee_performance_job, trustee_performance_multi_file_job
from .load_metadata import WAREHOUSE_ASSET
from .schedules import trustee_daily_schedule
from .sensors import trustee_dq_sensor, trustee_new_files_sensor

defs = Definitions.merge(
    Definitions(
        assets=[WAREHOUSE_ASSET],
        jobs=[trustee_performance_job, trustee_performance_multi_file_job],
        schedules=[trustee_daily_schedule],
        sensors=[trustee_new_files_sensor, trustee_dq_sensor],
    ),
    alerting_definitions(),
)
