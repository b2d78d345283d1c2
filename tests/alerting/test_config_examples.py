"""Every example of Alertmanager's configuration documentation: it loads, or is refused and why.

https://prometheus.io/docs/alerting/0.25/configuration/ and its notification examples, in words of
our own, one file an example. The first line of each says what we do with it, the second what
Alertmanager 0.25 does; the real amtool is asked where it is installed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from work_data_hub.alerting.config import load
from work_data_hub.alerting.errors import ConfigError

EXAMPLES = sorted((Path(__file__).parent / "fixtures" / "alertmanager").glob("*.yml"))


def heading(path: Path) -> tuple[str, str]:
    ours, theirs = path.read_text(encoding="utf-8").splitlines()[:2]
    return ours.removeprefix("# here: "), theirs.removeprefix("# Alertmanager 0.25: ")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_does_what_its_first_line_says(path: Path) -> None:
    says, _ = heading(path)
    if says.startswith("refused, "):
        with pytest.raises(ConfigError, match=re.escape(says.removeprefix("refused, "))):
            load(path, environ={})
        return
    warned = sorted(
        re.sub(r".*_configs\[0\]\.", "", w.key) for w in load(path, environ={}).warnings
    )
    expected = says.removeprefix("loads").removeprefix(", and warns of ")
    assert " and ".join(warned) == expected


@pytest.mark.skipif(not shutil.which("amtool"), reason="needs amtool")
def test_alertmanager_does_what_the_second_line_says() -> None:
    told = subprocess.run(
        ["amtool", "check-config", *map(str, EXAMPLES)], capture_output=True, text=True, check=False
    ).stdout
    loads = {
        Path(path).stem: verdict == "SUCCESS"
        for path, verdict in re.findall(r"Checking '(.*)'  (SUCCESS|FAILED)", told)
    }
    assert loads == {path.stem: heading(path)[1] == "loads" for path in EXAMPLES}


def test_the_examples_are_all_there() -> None:
    assert len(EXAMPLES) >= 50
