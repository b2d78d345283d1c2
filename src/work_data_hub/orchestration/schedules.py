"""The daily load: 02:00 in Shanghai, when the trustees' day is over."""

from typing import Any

from dagster import DefaultScheduleStatus, RunRequest, ScheduleEvaluationContext, schedule

from ..config.data_sources import load_data_sources
from ..config.settings import get_settings
from ..domain.trustee_performance import DOMAIN
from .jobs import build_run_config, trustee_performance_multi_file_job


def _build_schedule_run_config() -> dict[str, Any]:
    """Execute mode; table, pk, sheet from data_sources.yml. Raises ConfigError: the tick fails."""
    sheet = load_data_sources().domain(DOMAIN).sheet
    return build_run_config(sheet=sheet, plan_only=False)


@schedule(
    job=trustee_performance_multi_file_job,
    cron_schedule="0 2 * * *",
    execution_timezone="Asia/Shanghai",
    default_status=(
        DefaultScheduleStatus.RUNNING if get_settings().autostart else DefaultScheduleStatus.STOPPED
    ),
)
def trustee_daily_schedule(_context: ScheduleEvaluationContext) -> RunRequest:
    """Loads up to five files that wait, every night."""
    return RunRequest(run_config=_build_schedule_run_config())
