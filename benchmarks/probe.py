"""The data-quality probe on a workbook of 100,000 rows."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from benchmarks.measure import Figure, medians
from benchmarks.workbook import write_workbook


def figures() -> list[Figure]:
    """Seconds of one evaluation of trustee_dq_sensor, alerts stored."""
    from dagster import build_sensor_context

    from work_data_hub.orchestration.sensors import trustee_dq_sensor

    with tempfile.TemporaryDirectory() as folder:
        landing = Path(folder, "landing")
        landing.mkdir()
        now = time.localtime()
        write_workbook(landing / f"{now.tm_year}_{now.tm_mon:02}_受托业绩报告.xlsx", 100_000)
        os.environ |= {"WDH_DATA_BASE_DIR": str(landing), "WDH_STATE_DIR": folder}
        (taken,) = medians([lambda: trustee_dq_sensor(build_sensor_context())], rounds=3)
    return [Figure("data-quality probe, 100,000 rows", taken, "s", 5.0)]
