"""What Dagster loads: the trustee pipeline, and the alerting that watches it."""

import gc

from dagster import Definitions

# Dagster's 100,000 objects live as long as the process, and its import leaves a full pass of the
# collector over them due, which whoever comes next pays for: in every run's process, 60 ms. Frozen,
# they are passed over. https://docs.python.org/3/library/gc.html#gc.freeze
gc.freeze()

from ..observability import alerting_definitions  # noqa: E402
from .jobs import trustee_performance_job, trustee_performance_multi_file_job  # noqa: E402
from .load_metadata import WAREHOUSE_ASSET  # noqa: E402
from .schedules import trustee_daily_schedule  # noqa: E402
from .sensors import trustee_dq_sensor, trustee_new_files_sensor  # noqa: E402

defs = Definitions.merge(
    Definitions(
        assets=[WAREHOUSE_ASSET],
        jobs=[trustee_performance_job, trustee_performance_multi_file_job],
        schedules=[trustee_daily_schedule],
        sensors=[trustee_new_files_sensor, trustee_dq_sensor],
    ),
    alerting_definitions(),
)
