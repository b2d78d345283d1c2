"""What `gained` says of a counter, by Prometheus itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from dashboards.promql import gained, or_zero

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed"
)

ENDED = f"sum({gained('ended_total', 'job_name', 'status', over='10m')})"


@pytest.mark.parametrize(
    ("ended", "gain"),
    [
        pytest.param({'job_name="a"': "5+0x60 6+0x3"}, 1, id="one run is 1, not 1.03"),
        pytest.param({'job_name="a"': "0+0x60 0+0x3"}, 0, id="nothing happened"),
        pytest.param(
            {'job_name="a"': "5+0x63", 'job_name="b"': "_x60 1+0x2"}, 1, id="a job's first failure"
        ),
        pytest.param(
            {'job_name="a"': "_x50 1000+0x10 1001+0x2"},
            1,
            id="Prometheus is younger than the window",
        ),
        pytest.param(
            {
                'job_name="a",instance="x"': "5+0x60 7+0x3",
                'job_name="a",instance="y"': "5+0x60 7+0x3",
            },
            2,
            id="two processes report the same",
        ),
        pytest.param(
            {
                'job_name="a",instance="x"': "5+0x55 _x8",
                'job_name="a",instance="y"': "_x50 5+0x10 7+0x3",
            },
            2,
            id="a process came in the place of another",
        ),
        pytest.param(
            {'job_name="a"': "5+0x60 0+0x3"}, 0, id="a new store in the place of an old one"
        ),
    ],
)
def test_it_is_what_the_counter_rose_by(tmp_path: Path, ended: dict[str, str], gain: float) -> None:
    said = {"labels": "{}", "value": gain}
    check(tmp_path, ended, ENDED, [said])


def test_it_says_nothing_of_what_nobody_reports(tmp_path: Path) -> None:
    check(tmp_path, {}, ENDED, [])
    check(tmp_path, {}, or_zero(ENDED), [{"labels": "{}", "value": 0}])


def check(folder: Path, ended: dict[str, str], expr: str, said: list[dict[str, object]]) -> None:
    """Evaluate after a bit more than 15 minutes of scrapes, every 15 seconds."""
    case = {
        "interval": "15s",
        "input_series": [
            {"series": f'ended_total{{status="failure",{labels}}}', "values": values}
            for labels, values in ended.items()
        ],
        "promql_expr_test": [{"expr": expr, "eval_time": "945s", "exp_samples": said}],
    }
    file = folder / "gained.yml"
    told = {"rule_files": [], "evaluation_interval": "15s", "tests": [case]}
    file.write_text(yaml.safe_dump(told), encoding="utf-8")
    done = subprocess.run(
        ["promtool", "test", "rules", str(file)],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stdout + done.stderr
