"""A message's link to its runbook opens: the pages are a part of the package and of `wdh serve`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from prometheus_client import CollectorRegistry
from setuptools import build_meta

from work_data_hub import locations
from work_data_hub.alerting import AlertRouter
from work_data_hub.alerting.testing import Receiver
from work_data_hub.io.errors import LandingFolderMissing
from work_data_hub.observability import runbooks
from work_data_hub.observability.http_endpoint import answering
from work_data_hub.orchestration.data_alerts import landing_folder_missing

from ..prometheus_server import process
from .dagster_dev import free_port, wait_until

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "runbooks"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "Odd.md").write_text(
        "# Odd: <b>bold</b>\n\nSee [RunFailed](RunFailed.md), `wdh files`,"
        " [this](javascript:alert(1)) <script>alert(1)</script>\n"
    )
    registry = CollectorRegistry()
    with answering(
        "127.0.0.1", 0, registry=registry, checks={}, pages=runbooks.pages(tmp_path)
    ) as address:
        yield address


def test_a_page_is_html_with_its_links_and_nothing_alive_of_what_it_quotes(address: str) -> None:
    answer = requests.get(f"{address}/runbooks/Odd.md", timeout=10)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<title>Odd: &lt;b&gt;bold&lt;/b&gt;</title>" in answer.text
    assert '<a href="RunFailed.md">RunFailed</a>' in answer.text
    assert "<code>wdh files</code>" in answer.text
    assert "<script" not in answer.text
    assert 'href="javascript' not in answer.text


def test_the_list_leads_to_each_page(address: str) -> None:
    answer = requests.get(f"{address}/runbooks/", timeout=10)
    assert '<a href="Odd.md">' in answer.text


@pytest.mark.parametrize("name", ["Other.md", "../secret.md", "%2e%2e/secret.md", "/etc/hosts"])
def test_what_is_no_page_is_not_there(address: str, tmp_path: Path, name: str) -> None:
    (tmp_path.parent / "secret.md").write_text("# secret")
    asked = requests.Request("GET", address).prepare()
    asked.url = f"{address}/runbooks/{name}"  # as written: requests would take the dots away
    with requests.Session() as session:
        answer = session.send(asked, timeout=10)
    assert answer.status_code == 404
    assert answer.text == "There is:\n/metrics\n/runbooks/\n"


def test_every_page_of_docs_has_an_address() -> None:
    pages = runbooks.pages()
    assert set(pages) == {"/runbooks/", *(f"/runbooks/{path.name}" for path in DOCS.glob("*.md"))}
    assert "值班速览" in pages["/runbooks/RunFailed.md"]()


def test_the_wheel_brings_them_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(DOCS, tmp_path / "docs" / "runbooks")
    package = tmp_path / "src" / "work_data_hub"
    package.mkdir(parents=True)
    shutil.copy(ROOT / "src" / "work_data_hub" / "__init__.py", package)
    monkeypatch.chdir(tmp_path)
    wheel = zipfile.ZipFile(build_meta.build_wheel(str(tmp_path)))
    brought = {Path(name).name for name in wheel.namelist() if "/runbooks/" in name}
    assert brought == {path.name for path in DOCS.glob("*.md")}


@pytest.mark.processes
def test_the_link_in_a_message_opens_at_wdh_serve(tmp_path: Path) -> None:
    """A process of its own, at another port than the one that links lead to when nobody says."""
    listen, home = f"127.0.0.1:{free_port()}", tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with Receiver() as hook, pytest.MonkeyPatch.context() as environ:
        config = tmp_path / "alerts.yml"
        config.write_text(
            "route: {receiver: team, group_wait: 0s}\n"
            f"receivers: [{{name: team, webhook_configs: [{{url: '{hook.address}/'}}]}}]\n"
        )
        environ.setenv("DAGSTER_HOME", str(home))
        environ.setenv("WDH_ALERTS_CONFIG", str(config))
        environ.setenv("WDH_RUNBOOK_URL", locations.RUNBOOK_URL.replace(locations.LISTEN, listen))
        router = AlertRouter.from_file(config, locations.alerts_url())
        router.publish(landing_folder_missing("trustee", LandingFolderMissing("/data")))
        router.close()
        serving = process(
            *(sys.executable, "-m", "work_data_hub.cli", "serve", "--listen", listen),
            log=tmp_path / "serve.log",
            env=dict(os.environ),
            cwd=tmp_path,
        )
        with serving:
            wait_until(lambda: hook.taken, seconds=60, what="the message")
            (alert,) = hook.taken[0].json["alerts"]
            answer = requests.get(alert["annotations"]["runbook_url"], timeout=10)
    assert answer.status_code == 200
    assert "LandingFolderMissing" in answer.text


def test_links_lead_to_where_wdh_serve_listens_when_nobody_says() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "work_data_hub.cli", "serve", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert locations.LISTEN in said.stdout
    assert locations.runbook_url("RunFailed", {}) == "http://127.0.0.1:9464/runbooks/RunFailed.md"
