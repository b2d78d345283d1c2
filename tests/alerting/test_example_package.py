"""The sink of another package: built, installed beside ours, found, used, and refused."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import uv

CHECKOUT = Path(__file__).parents[2]
EXAMPLE = CHECKOUT / "examples" / "wdh-dingtalk"

ALERTS_YML = """
route: {receiver: team, group_wait: 0s}
receivers:
  - name: team
    language: zh
    dingtalk_configs:
      - url: ${DINGTALK_URL}
        secret: ${DINGTALK_SECRET}
"""
TELL = """
import sys
from work_data_hub.alerting import Alert, AlertRouter

router = AlertRouter.from_file(sys.argv[1], sys.argv[2])
assert "wdh_dingtalk.sink" in sys.modules
router.publish(Alert({"alertname": "RunFailed", "job": "daily", "severity": "critical"}))
router.dispatch()
router.close()
"""
TELL_FROM_THE_CHECKOUT = """
import sys
from src.work_data_hub.alerting import AlertRouter
from src.work_data_hub.alerting.errors import ConfigError

try:
    AlertRouter.from_file(sys.argv[1], sys.argv[2])
except ConfigError as err:
    print(err)
print([name for name in sys.modules if name.partition(".")[0] in ("wdh_dingtalk", "work_data_hub")])
"""

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("example_package")]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the example is installed, and nothing else."""
    folder = tmp_path_factory.mktemp("example")
    source = shutil.copytree(EXAMPLE, folder / "source")
    target = folder / "site"
    options = ["--python", sys.executable, "--target", str(target)]
    offline = ["--offline", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [uv.find_uv_bin(), "pip", "install", *options, *offline, str(source)],
        check=True,
        capture_output=True,
    )
    assert (target / "wdh_dingtalk" / "sink.py").is_file()
    return target


def run(installed: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": str(installed), **environ},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def alerts(tmp_path: Path) -> list[str]:
    """The arguments of a script: alerts.yml, and where the store is."""
    (tmp_path / "alerts.yml").write_text(ALERTS_YML)
    return [str(tmp_path / "alerts.yml"), f"sqlite:///{tmp_path / 'alerts.db'}"]


def test_it_passes_the_contract_that_we_ship(installed: Path) -> None:
    tests = EXAMPLE / "tests"
    done = run(installed, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests))
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_an_alert_reaches_dingtalk_through_it(
    installed: Path, alerts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(EXAMPLE / "tests")
    from dingtalk_server import SECRET, DingTalkServer

    with DingTalkServer() as server:
        secrets = {"DINGTALK_URL": server.url, "DINGTALK_SECRET": SECRET}
        done = run(installed, "-c", TELL, *alerts, **secrets)
        assert done.returncode == 0, done.stderr
        (text,) = server.texts()
    assert text.startswith("🔴 运行失败 · daily")


def test_imported_from_the_checkout_it_is_refused_in_one_sentence(
    installed: Path, alerts: list[str]
) -> None:
    secrets = {"DINGTALK_URL": "http://127.0.0.1/?access_token=x", "DINGTALK_SECRET": "SECx"}
    done = run(installed, "-c", TELL_FROM_THE_CHECKOUT, *alerts, **secrets)
    assert done.returncode == 0, done.stderr
    sentence, loaded = done.stdout.splitlines()
    assert sentence == (
        f"{alerts[0]}:7: receivers[0].dingtalk_configs[0]: is brought by wdh-dingtalk 0.1.0, and"
        " such a sink works only where this package is imported as work_data_hub; here it is"
        " src.work_data_hub"
    )
    assert loaded == "[]"
