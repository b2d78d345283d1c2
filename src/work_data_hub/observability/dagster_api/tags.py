"""The tags on runs: Dagster's own, and ours."""

# dagster/_core/storage/tags.py
PARTITION_TAG = "dagster/partition"
PARTITION_RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
SCHEDULE_TAG = "dagster/schedule_name"
SENSOR_TAG = "dagster/sensor_name"
RUN_KEY_TAG = "dagster/run_key"
BACKFILL_TAG = "dagster/backfill"
REPOSITORY_TAG = ".dagster/repository"
WILL_RETRY_TAG = "dagster/will_retry"
AUTO_RETRY_RUN_ID_TAG = "dagster/auto_retry_run_id"
RETRY_NUMBER_TAG = "dagster/retry_number"
FAILURE_REASON_TAG = "dagster/failure_reason"
# Ours: a run with `wdh/alerts: off` opens and closes no alert. A dry run, say.
ALERTS_TAG = "wdh/alerts"
OWNER_TAGS = ("owner", "dagster/owner")
TEAM_TAGS = ("team", "dagster/team")
# What code a run ran: the image of its container, and what deployments are told of their source.
CODE_TAGS = {
    "dagster/image": "image",
    "dagster/code_version": "code_version",
    "dagster/git-sha": "git_sha",
    "dagster/git-branch": "git_branch",
}
