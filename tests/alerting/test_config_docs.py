"""docs/alerts-yml.md has every key of alerts.yml, no other, and each example is read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from work_data_hub.alerting import catalog
from work_data_hub.alerting.config import AlertsConfig, load
from work_data_hub.alerting.config_model import (
    FileModel,
    InhibitRuleModel,
    RouteModel,
    TimeIntervalModel,
    TimeIntervalSpecModel,
    TimeRangeModel,
    model_of,
)
from work_data_hub.alerting.http_config import HttpConfig
from work_data_hub.alerting.tls import TlsConfig

DOCUMENT = Path(__file__).parents[2] / "docs" / "alerts-yml.md"
KINDS = catalog.built_in()
FILE: type[FileModel] = model_of({name: kind.model for name, kind in KINDS.items()})
RECEIVER: type[BaseModel] = FILE.model_fields["receivers"].annotation.__args__[0]  # type: ignore[union-attr]

# By heading: the model, and what an entry must hold beside the key that is tried.
SECTIONS: dict[str, tuple[type[BaseModel], dict[str, Any]]] = {
    "The file": (FILE, {"route": {"receiver": "team"}, "receivers": []}),
    "`route`": (RouteModel, {}),
    "`time_intervals`": (TimeIntervalModel, {"name": "x"}),
    "an entry of `time_intervals`": (TimeIntervalSpecModel, {}),
    "an entry of `times`": (TimeRangeModel, {"start_time": "00:00", "end_time": "23:00"}),
    "`inhibit_rules`": (InhibitRuleModel, {}),
    "`receivers`": (RECEIVER, {"name": "x"}),
    "`log_configs`": (KINDS["log"].model, {}),
    "`prometheus_configs`": (KINDS["prometheus"].model, {}),
    "`slack_configs`": (KINDS["slack"].model, {"app_token": "xoxb-1", "channel": "x"}),
    "`email_configs`": (
        KINDS["email"].model,
        {"to": "a@b.example", "from": "c@d.example", "smarthost": "mail.example:587"},
    ),
    "`webhook_configs`": (KINDS["webhook"].model, {"url": "https://hook.example/x"}),
    "`http_config`": (HttpConfig, {}),
    "`tls_config`": (TlsConfig, {}),
}
# Keys that are read beside the model, and those that need or exclude another.
BESIDE = {"The file": {"global"}}
GLOBAL = "`global`"
# A global key's kind of entry and its key there: (email, from) for smtp_from.
TAKEN_BY = {
    source: (kind.name, name) for kind in KINDS.values() for name, source in kind.globals.items()
}
WITH: dict[str, dict[str, Any]] = {
    "api_url": {"app_token": None, "channel": None},
    "auth_username": {"auth_password": "x"},
    "auth_password": {"auth_username": "x"},
    "auth_secret": {"auth_username": "x"},
}


def rows() -> dict[str, dict[str, str]]:
    """By heading, then by key: the example."""
    found: dict[str, dict[str, str]] = {}
    heading = ""
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif line.startswith("| `"):
            first, *_, last = (cell.strip() for cell in line.strip("|").split(" | "))
            for key in re.findall(r"`([^`]+)`", first):
                found.setdefault(heading, {})[key] = last.strip(" |`")
    return found


ROWS = rows()
EXAMPLES = [(s, key, text) for s in SECTIONS for key, text in ROWS.get(s, {}).items()]


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_has_every_key_and_no_other(section: str) -> None:
    fields = SECTIONS[section][0].model_fields.items()
    keys = {about.alias or name for name, about in fields} | BESIDE.get(section, set())
    assert set(ROWS[section]) == keys


def test_the_global_section_has_every_key_that_a_kind_falls_back_to() -> None:
    read = {source for kind in KINDS.values() for source in kind.globals.values()}
    secrets = {source for source in read if source.endswith("_file")}
    assert set(ROWS["`global`"]) == (read - secrets) | {"resolve_timeout", "http_config"}


@pytest.fixture
def value_of(tmp_path: Path) -> Callable[[str], Any]:
    """An example as YAML has it; the file that it names is there."""

    def value_of(text: str) -> Any:
        authority = tmp_path / "own-ca.pem"
        authority.touch()
        return yaml.safe_load(text.replace("/etc/ssl/own-ca.pem", str(authority)))

    return value_of


@pytest.fixture
def load_file(tmp_path: Path) -> Callable[..., AlertsConfig]:
    """Reads a file of these sections."""

    def load_file(**sections: Any) -> AlertsConfig:
        path = tmp_path / "alerts.yml"
        path.write_text(json.dumps(sections, ensure_ascii=False), encoding="utf-8")
        return load(path, environ={})

    return load_file


@pytest.mark.parametrize(
    ("section", "key", "text"), EXAMPLES, ids=[f"{s} {key}" for s, key, _ in EXAMPLES]
)
def test_an_example_is_read(
    section: str, key: str, text: str, value_of: Callable[[str], Any]
) -> None:
    value = value_of(text)
    assert value is not None
    if key in BESIDE.get(section, set()):
        return
    model, rest = SECTIONS[section]
    model.model_validate(rest | WITH.get(key, {}) | {key: value})


@pytest.mark.parametrize(("key", "text"), ROWS[GLOBAL].items(), ids=ROWS[GLOBAL])
def test_a_global_example_stands_in_where_an_entry_leaves_the_key_out(
    key: str,
    text: str,
    value_of: Callable[[str], Any],
    load_file: Callable[..., AlertsConfig],
) -> None:
    value = value_of(text)
    kind, name = TAKEN_BY.get(key, ("log", ""))
    rest = {**SECTIONS[f"`{kind}_configs`"][1], **WITH.get(name, {})}
    rest.pop(name, None)

    def only(entry: dict[str, Any], **given: Any) -> Any:
        receiver = {"name": "team", f"{kind}_configs": [entry]}
        config = load_file(route={"receiver": "team"}, receivers=[receiver], **given)
        assert not config.warnings
        (integration,) = config.integrations()
        return integration.config

    filled = only(rest, **{"global": {key: value}})
    if name:
        assert filled == only({**rest, name: value})
        assert name in filled.model_fields_set or f"{name}_" in filled.model_fields_set


def test_the_example_of_the_global_section_is_read(
    value_of: Callable[[str], Any], load_file: Callable[..., AlertsConfig]
) -> None:
    value = value_of(ROWS["The file"]["global"])
    entry = {"to": "lead@example.org", "smarthost": "mail.example.org:587"}
    config = load_file(
        **{"global": value},
        route={"receiver": "team"},
        receivers=[{"name": "team", "email_configs": [entry]}],
    )
    (integration,) = config.integrations()
    assert integration.config.from_ == value["smtp_from"]


@pytest.mark.parametrize(
    ("section", "key"),
    [
        *(("`http_config`", key) for key in ("oauth2", "proxy_url", "enable_http2")),
        *(("`tls_config`", key) for key in ("cert_file", "key_file", "server_name")),
        *(("`tls_config`", key) for key in ("min_version", "max_version")),
        ("`slack_configs`", "http_config"),
    ],
)
def test_a_key_of_alertmanagers_that_is_refused_is_named_among_what_differs(
    section: str, key: str
) -> None:
    model, rest = SECTIONS[section]
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        model.model_validate(rest | {key: {}})
    differs = DOCUMENT.read_text(encoding="utf-8").split("## What differs from Alertmanager")[1]
    assert f"`{key}`" in differs


def test_a_key_whose_value_may_stand_in_a_file_is_marked() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for kind in KINDS.values():
        for name in filter(kind.is_secret, kind.model.model_fields):
            if name not in ("http_config", "tls_config"):
                assert re.search(rf"^\| `{name}` \| \*secret", text, re.MULTILINE), name
