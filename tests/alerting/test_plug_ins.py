"""Sinks that other packages bring: found by entry point, imported when used, blamed by name."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from work_data_hub.alerting import catalog
from work_data_hub.alerting.config import load
from work_data_hub.alerting.errors import ConfigError
from work_data_hub.alerting.plug_ins import plug_ins
from work_data_hub.alerting.redact import Redactor
from work_data_hub.alerting.sink import Deadline, Receipt
from work_data_hub.alerting.testing import sample_notification

GOOD = """
from work_data_hub.alerting.kind import Kind, SinkConfig
from work_data_hub.alerting.sink import Receipt
from pydantic import SecretStr

class PagerConfig(SinkConfig):
    number: str
    pin: SecretStr | None = None

class Pager:
    can_edit = False
    pace_s = 0.0
    def __init__(self, number):
        self.number = number
    def deliver(self, notification, *, deadline):
        return Receipt({"paged": self.number})

PAGER = Kind("pager", PagerConfig, lambda config, *, redact, http: Pager(config.number))
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts a package with an entry point on the path, as an installer does."""
    site = tmp_path / "site"
    modules: list[str] = []

    def install(module: str, code: str, *, name: str = "pager", package: str = "wdh-pager") -> None:
        info = site / f"{package.replace('-', '_')}-1.2.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(
            f"[work_data_hub.alert_sinks]\n{name} = {module}:PAGER\n"
        )
        (site / f"{module}.py").write_text(code)
        modules.append(module)
        catalog.kinds.cache_clear()

    site.mkdir()
    monkeypatch.syspath_prepend(site)
    yield install
    catalog.kinds.cache_clear()
    for module in modules:
        sys.modules.pop(module, None)


def alerts_yml(folder: Path, entry: str = "{number: '110'}") -> Path:
    path = folder / "alerts.yml"
    path.write_text(
        f"route: {{receiver: r}}\nreceivers:\n  - name: r\n    pager_configs:\n      - {entry}\n"
    )
    return path


def test_an_installed_kind_is_one_of_the_catalog(install: Install, tmp_path: Path) -> None:
    install("wdh_pager_good", GOOD)
    config = load(alerts_yml(tmp_path), environ={})
    (integration,) = config.integrations()
    assert integration.name == "pager[0]"
    sink = catalog.kinds()["pager"].build(integration.config, redact=Redactor(), http=None)
    assert sink.deliver(sample_notification(), deadline=Deadline(1)) == Receipt({"paged": "110"})


def test_it_is_imported_when_it_is_used_and_not_before(install: Install, tmp_path: Path) -> None:
    install("wdh_pager_lazy", GOOD)
    path = tmp_path / "other.yml"
    path.write_text("route: {receiver: r}\nreceivers: [{name: r, log_configs: [{}]}]\n")
    load(path, environ={})
    assert "wdh_pager_lazy" not in sys.modules
    load(alerts_yml(tmp_path), environ={})
    assert "wdh_pager_lazy" in sys.modules


def test_a_mistake_in_its_entry_names_line_and_key(install: Install, tmp_path: Path) -> None:
    install("wdh_pager_keys", GOOD)
    with pytest.raises(ConfigError) as caught:
        load(alerts_yml(tmp_path, "{number: '110', colour: red}"), environ={})
    assert f"{tmp_path / 'alerts.yml'}:5: receivers[0].pager_configs[0].colour" in str(caught.value)


def test_its_secrets_are_known(install: Install, tmp_path: Path) -> None:
    install("wdh_pager_pin", GOOD)
    (tmp_path / "pin").write_text("planted-pin\n")
    entry = f"{{number: '110', pin_file: '{tmp_path / 'pin'}'}}"
    assert load(alerts_yml(tmp_path, entry), environ={}).secrets() == {"planted-pin"}


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("PAGER = 1 / 0", "ZeroDivisionError"),
        ("PAGER = 'a string'", "whose entry point is no such Kind"),
        (GOOD.replace('Kind("pager"', 'Kind("other"'), "whose entry point is no such Kind"),
        ("", "AttributeError"),
    ],
)
def test_a_broken_one_is_an_error_that_names_its_package(
    install: Install, tmp_path: Path, code: str, problem: str
) -> None:
    install("wdh_pager_broken", code)
    with pytest.raises(ConfigError) as caught:
        load(alerts_yml(tmp_path), environ={})
    assert f"{tmp_path / 'alerts.yml'}:5: receivers[0].pager_configs[0]: " in str(caught.value)
    assert "is brought by wdh-pager 1.2" in str(caught.value)
    assert problem in str(caught.value)
    sys.modules.pop("wdh_pager_broken", None)


def test_a_broken_one_that_nobody_uses_harms_nobody(install: Install, tmp_path: Path) -> None:
    install("wdh_pager_unused", "raise RuntimeError")
    path = tmp_path / "other.yml"
    path.write_text("route: {receiver: r}\nreceivers: [{name: r, log_configs: [{}]}]\n")
    assert [i.name for i in load(path, environ={}).integrations()] == ["log[0]"]


def test_two_packages_with_one_name_are_both_named(install: Install, tmp_path: Path) -> None:
    install("wdh_pager_one", GOOD)
    install("wdh_pager_two", GOOD, package="another-pager")
    with pytest.raises(ConfigError, match=r"by another-pager 1\.2 and wdh-pager 1\.2; uninstall"):
        load(alerts_yml(tmp_path), environ={})


@pytest.mark.parametrize(("name", "why"), [("slack", "ours"), ("Ding-Talk", "no plain word")])
def test_a_name_that_cannot_be_given_is_said_and_left_out(
    install: Install, name: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    install("wdh_pager_name", GOOD, name=name)
    with caplog.at_level(logging.WARNING):
        kinds = catalog.kinds()
    assert kinds.get(name) is catalog.built_in().get(name)
    assert f"package='wdh-pager 1.2' why='the name is {why}'" in caplog.text


def test_under_the_checkouts_name_it_is_refused_in_one_sentence(
    install: Install, tmp_path: Path
) -> None:
    install("wdh_pager_src", GOOD)
    points = catalog.entry_points(group="work_data_hub.alert_sinks")
    kinds = plug_ins(points, taken=(), imported_as="src.work_data_hub")
    with pytest.raises(ConfigError) as caught:
        load(alerts_yml(tmp_path), environ={}, kinds=kinds)
    (fault,) = caught.value.faults
    assert fault.problem == (
        "is brought by wdh-pager 1.2, and such a sink works only where this package is imported"
        " as work_data_hub; here it is src.work_data_hub"
    )
    assert "wdh_pager_src" not in sys.modules
