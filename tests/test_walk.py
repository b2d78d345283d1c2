"""The README's walk of five minutes works as it is written there, whatever day it is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from work_data_hub.cli.sample_data import write_sample_data

from .observability.dagster_dev import free_port, wait_until
from .prometheus_server import process

ROOT = Path(__file__).parents[1]
# What `make` and the commands read of the checkout.
CHECKOUT = ("Makefile", "pyproject.toml", "requirements.lock", "alerts.yml")
OF_THE_BROKEN_FILE = {"UnreadableFile", "RunFailed", "StepFailed"}
# Neither December nor this month: a step that names a month would miss these files.
ANOTHER_DAY = datetime(2025, 1, 20, 4, 0, tzinfo=UTC)


def blocks(readme: str) -> list[list[str]]:
    """The commands of the walk, one list a terminal, without the comments."""
    (walk,) = re.findall(
        r"^## (?:Five minutes|五分钟走一遍)\n(.*?)^## ",
        (ROOT / readme).read_text("utf-8"),
        re.M | re.S,
    )
    return [
        [re.sub(r"\s+#.*", "", line) for line in block.splitlines()]
        for block in re.findall(r"```bash\n(.*?)```", walk, re.DOTALL)
    ]


def test_both_languages_walk_the_same_way() -> None:
    servers, commands = blocks("README.md")
    assert servers == ["make dev", "make serve"]
    assert len(commands) >= 8
    assert blocks("README.zh.md") == [servers, commands]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with what the walk needs of the checkout, its environment, and a sample."""
    for name in CHECKOUT:
        shutil.copy(ROOT / name, tmp_path)
    environment = tmp_path / ".venv"
    environment.mkdir()
    (environment / "bin").symlink_to(Path(sys.prefix, "bin"))
    (environment / ".synced").touch()
    write_sample_data(tmp_path / "data", now=ANOTHER_DAY)
    return tmp_path


def environ(**more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {"COLUMNS": "200"} | more


def walked(checkout: Path, *commands: str) -> str:
    """What they print, pasted into one new terminal."""
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", "\n".join(commands)],
        cwd=checkout,
        env=environ(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def make_serve(checkout: Path) -> Iterator[str]:
    """`make serve` but for its port, which a developer may have in use; its address."""
    address = f"127.0.0.1:{free_port()}"
    state = checkout / ".wdh"
    command = (sys.executable, "-m", "work_data_hub.cli", "serve", "--listen", address)
    env = environ(WDH_STATE_DIR=str(state), DAGSTER_HOME=str(state / "dagster"))
    log = checkout / "serve.log"
    with process(*command, log=log, cwd=checkout, env=env):
        wait_until(lambda: counts(address), seconds=60, what="it counts", log=log)
        yield address


def counts(address: str) -> bool:
    """Whether what had ended before it started is added up."""
    try:
        return "\nwdh_tally_complete 1" in requests.get(f"http://{address}/metrics", timeout=5).text
    except requests.RequestException:
        return False


@pytest.mark.processes
@pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("bash", "make", "curl")),
    reason="bash, make or curl is not installed",
)
def test_the_walk_works_as_it_is_written_also_on_another_day(checkout: Path) -> None:
    assert "FAILED: is cut short or damaged" in walked(checkout, "make run")
    _, [enter, *commands] = blocks("README.md")
    with make_serve(checkout) as address:
        there = [command.replace("127.0.0.1:9464", address) for command in commands]
        mend = there.index("wdh sample-data data --mend")
        before = walked(checkout, enter, *there[:mend])
        assert all(alert in before for alert in OF_THE_BROKEN_FILE)
        assert 'wdh_incidents_open{alertname="UnreadableFile"' in before

        *mending, alerts_list, history = there[mend:]
        assert "FAILED" not in walked(checkout, enter, *mending)
        left = walked(checkout, enter, alerts_list)
        assert not any(alert in left for alert in OF_THE_BROKEN_FILE)

        first_column = re.findall(r"^│ (\w+)", left, re.MULTILINE)[0]
        happened = walked(checkout, enter, history.replace("FINGERPRINT", first_column))
        assert f"History of {first_column}" in happened
        assert "delivered" in happened
