"""What a message says of the difference to the last run that succeeded."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from work_data_hub.alerting.redact import Redactor
from work_data_hub.alerting.wording import EN, ZH
from work_data_hub.observability.changes import MAX_LINES, changes
from work_data_hub.observability.run import Setup

AT = datetime(2024, 11, 4, 18, 10, 33, tzinfo=UTC)


def a_setup(**given: Any) -> Setup:
    return Setup(**{"run_id": "8a1f", "at": AT, "definition": "d1", **given})


def told(run: Setup, success: Setup | None) -> list[str]:
    return changes(run, success, EN, redact=Redactor().text).splitlines()


def test_code_comes_first_then_definition_run_config_and_tags() -> None:
    before = a_setup(
        code={"image": "hub:1.4"},
        config={"ops.load.config.table": "returns", "ops.load.config.limit": "5"},
        tags={"user": "anna"},
    )
    now = a_setup(
        definition="d2",
        code={"image": "hub:1.5"},
        config={"ops.load.config.table": "returns_v2", "ops.load.config.mode": ""},
        tags={"priority": "high"},
    )
    assert told(now, before) == [
        "Compared with the success of 2024-11-05 02:10:33 (Asia/Shanghai):",
        "image: hub:1.4 → hub:1.5",
        "job definition: changed",
        "ops.load.config.limit: 5 → (none)",
        'ops.load.config.mode: (none) → ""',
        "ops.load.config.table: returns → returns_v2",
        "tag priority: (none) → high",
        "tag user: anna → (none)",
    ]


def test_that_nothing_changed_is_said_for_it_points_elsewhere() -> None:
    assert told(a_setup(), a_setup()) == [
        "Code, run config and tags are those of the success of 2024-11-05 02:10:33 (Asia/Shanghai)."
    ]


def test_a_job_that_never_succeeded_says_so_in_either_language() -> None:
    assert told(a_setup(), None) == ["No earlier success of this job and partition is known."]
    assert changes(a_setup(), None, ZH, redact=str) == "该作业和分区此前没有成功记录。"


def test_no_secret_is_in_it_neither_by_name_nor_by_shape_nor_cut_in_half() -> None:
    long = "postgresql://hub:" + "x" * 200 + "@db/warehouse"
    before = a_setup(config={"resources.db.password": "first-one", "resources.db.url": "sqlite"})
    now = a_setup(config={"resources.db.password": "second-one", "resources.db.url": long})
    text = "\n".join(told(now, before))
    assert "resources.db.password: changed" in text
    assert "one" not in text.replace("(none)", "")
    assert "xxx" not in text


def test_what_a_run_config_of_thousands_changed_is_a_few_lines() -> None:
    now = a_setup(config={f"ops.a.config.paths[{n}]": "p" * 5_000 for n in range(1_000)})
    lines = told(now, a_setup())
    assert len(lines) == MAX_LINES + 2
    assert lines[-1] == f"and {1_000 - MAX_LINES} more"
    assert max(map(len, lines)) < 300
