"""What `gained` says of a counter, by Prometheus itself."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from dashboards.promql import gained, or_zero

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed"
)

RUNS = "dagster_completed_runs_total"
FAILED = f'{RUNS}{{status="failure",job_name'
COUNTED = "wdh_tally_complete"
ENDED = f"sum({gained(RUNS, 'job_name', 'status', over='10m')})"
ALWAYS = {COUNTED: "1+0x63"}


@pytest.mark.parametrize(
    ("scraped", "gain"),
    [
        pytest.param({**ALWAYS, f'{FAILED}="a"}}': "5+0x60 6+0x3"}, 1, id="one run is 1, not 1.03"),
        pytest.param({**ALWAYS, f'{FAILED}="a"}}': "0+0x63"}, 0, id="nothing happened"),
        pytest.param(
            {**ALWAYS, f'{FAILED}="a"}}': "5+0x63", f'{FAILED}="b"}}': "_x60 1+0x2"},
            1,
            id="a job's first failure",
        ),
        pytest.param(
            {**ALWAYS, f'{FAILED}="a"}}': "_x60 1+0x2"}, 1, id="the first run there ever was"
        ),
        pytest.param(
            {COUNTED: "_x40 1+0x23", f'{FAILED}="a"}}': "_x50 1+0x10 2+0x2"},
            2,
            id="the first run there ever was, and Prometheus is younger than the window",
        ),
        pytest.param(
            {COUNTED: "_x50 1+0x12", f'{FAILED}="a"}}': "_x50 1000+0x10 1001+0x2"},
            1,
            id="it had counted for long when Prometheus came",
        ),
        pytest.param(
            {COUNTED: "0+0x49 1+0x13", f'{FAILED}="a"}}': "_x50 1000+0x10 1001+0x2"},
            1,
            id="what had ended before it was there is counted at once",
        ),
        pytest.param(
            {
                f'{COUNTED}{{instance="x"}}': "1+0x63",
                f'{COUNTED}{{instance="y"}}': "1+0x63",
                f'{FAILED}="a",instance="x"}}': "5+0x60 7+0x3",
                f'{FAILED}="a",instance="y"}}': "5+0x60 7+0x3",
            },
            2,
            id="two processes report the same",
        ),
        pytest.param(
            {
                f'{COUNTED}{{instance="x"}}': "1+0x55 _x8",
                f'{COUNTED}{{instance="y"}}': "_x50 1+0x13",
                f'{FAILED}="a",instance="x"}}': "5+0x55 _x8",
                f'{FAILED}="a",instance="y"}}': "_x50 5+0x10 7+0x3",
            },
            2,
            id="a process came in the place of another",
        ),
        pytest.param(
            {COUNTED: "1+0x5 _x40 1+0x18", f'{FAILED}="a"}}': "5+0x5 _x40 5+0x10 6+0x7"},
            1,
            id="its source was down when the window began",
        ),
        pytest.param(
            {**ALWAYS, f'{FAILED}="a"}}': "5+0x60 0+0x3"},
            0,
            id="a new store in the place of an old one",
        ),
    ],
)
def test_it_is_what_the_counter_rose_by(
    tmp_path: Path, scraped: Mapping[str, str], gain: float
) -> None:
    check(tmp_path, scraped, ENDED, [{"labels": "{}", "value": gain}])


def test_it_says_nothing_of_what_nobody_reports(tmp_path: Path) -> None:
    check(tmp_path, {}, ENDED, [])
    check(tmp_path, {}, or_zero(ENDED), [{"labels": "{}", "value": 0}])


def check(
    folder: Path, scraped: Mapping[str, str], expr: str, said: list[dict[str, object]]
) -> None:
    """Evaluate after a bit more than 15 minutes of scrapes, every 15 seconds."""
    case = {
        "interval": "15s",
        "input_series": [
            {"series": series, "values": values} for series, values in scraped.items()
        ],
        "promql_expr_test": [{"expr": expr, "eval_time": "945s", "exp_samples": said}],
    }
    told = {"rule_files": [], "evaluation_interval": "15s", "tests": [case]}
    file = folder / "gained.yml"
    file.write_text(yaml.safe_dump(told), encoding="utf-8")
    done = subprocess.run(
        ["promtool", "test", "rules", str(file)],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stdout + done.stderr
