"""alerts.yml: what loads, what is refused and where, what is disabled."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from work_data_hub.alerting import AlertRouter
from work_data_hub.alerting.config import BUILT_IN, AlertsConfig, load
from work_data_hub.alerting.errors import AlertingError, ConfigError
from work_data_hub.alerting.kind import Kind, SinkConfig

SHIPPED = Path(__file__).parents[2] / "alerts.yml"


class ChatConfig(SinkConfig):
    url: SecretStr
    room: str = "alerts"


KINDS = {
    "chat": Kind("chat", ChatConfig, lambda *_, **__: None),  # type: ignore[arg-type,return-value]
    "log": Kind("log", SinkConfig, lambda *_, **__: None),  # type: ignore[arg-type,return-value]
}
VALID = """\
route:
  receiver: team
receivers:
  - name: team
    chat_configs:
      - url: https://chat.example/secret-path
"""


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def read(text: str, **environ: str) -> AlertsConfig:
        path = tmp_path / "alerts.yml"
        path.write_text(text, encoding="utf-8")
        return load(path, environ=environ, kinds=KINDS)

    return read


def test_alertmanagers_defaults_hold(read: Any) -> None:
    route = read(VALID).route
    assert (route.group_wait_s, route.group_interval_s, route.repeat_interval_s) == (
        30,
        300,
        4 * 3600,
    )
    assert route.group_by == frozenset()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", r"alerts\.yml"),
        ("route: [", r"alerts\.yml:2: is not YAML"),
        (VALID + "colour: red\n", r"alerts\.yml:7: colour: is not known here"),
        (VALID + "route: {}\n", r"alerts\.yml:7: route: stands twice, first in line 1"),
        (VALID.replace("receiver: team", "receiver: tema"), r":2: route\.receiver: no receiver"),
        (VALID.replace("receiver: team", "group_by: []"), r"route\.receiver: is missing"),
        (
            VALID.replace("chat_", "chta_"),
            r":5: receivers\[0\]\.chta_configs: no sink of this kind is installed; there are chat_configs",
        ),
        (VALID.replace("url:", "ulr:"), r":6: receivers\[0\]\.chat_configs\[0\]\.ulr"),
        (VALID.replace("- url: https://chat.example/secret-path", "-"), r"\[0\]: is empty; write"),
        (VALID + "  - name: team\n", r":7: receivers\[1\]\.name: 'team' stands twice"),
        (
            VALID.replace("team\nrec", "team\n  group_wait: 30\nrec"),
            r":3: route\.group_wait: '30' is not a duration; write it like 30s, 5m or 1h30m",
        ),
        (
            VALID.replace("team\nrec", "team\n  group_interval: 0s\nrec"),
            r":3: route\.group_interval: must be longer than 0",
        ),
        (
            VALID.replace("team\nrec", "team\n  repeat_interval: 0s\nrec"),
            r":3: route\.repeat_interval: must be longer than 0",
        ),
        (
            VALID.replace("team\nrec", "team\n  group_by: [job, job]\nrec"),
            r":3: route\.group_by: names a label twice: job",
        ),
        (
            VALID.replace("team\nrec", "team\n  group_by: ['...', job]\nrec"),
            r":3: route\.group_by: .* stands alone",
        ),
        (
            VALID.replace("team\nrec", 'team\n  matchers: [a="b"]\nrec'),
            r":3: route\.matchers: the first route takes every alert",
        ),
        (
            VALID.replace("team\nrec", "team\n  continue: true\nrec"),
            r":3: route\.continue: the first route takes every alert",
        ),
        (
            VALID.replace("team\nrec", "team\n  routes:\n    - matchers: ['a']\nrec"),
            r":4: route\.routes\[0\]\.matchers: 'a' is not a matcher",
        ),
        (
            VALID.replace("team\nrec", "team\n  routes:\n    - receiver: x\nrec"),
            r":4: route\.routes\[0\]\.receiver: no receiver 'x'; known: team",
        ),
        (VALID + "language: fr\n", r":7: language: Input should be 'en' or 'zh'"),
        (VALID.replace("https", "${URL}"), r":6: .*url: the environment variable URL is not set"),
        (VALID.replace("https", "${a b}"), r":6: .*url: write \$\{NAME\} or \$\{NAME:-default\}"),
    ],
)
def test_a_fault_names_file_line_key_and_what_was_expected(read: Any, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        read(text)
    assert "secret-path" not in str(caught.value)
    assert isinstance(caught.value, AlertingError)


def test_every_fault_of_a_file_is_told_at_once(read: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        read(VALID.replace("receiver: team", "receiver: team\n  a: 1\n  b: 2"))
    assert len(caught.value.faults) == 2


def test_variables_are_filled_in_after_the_file_is_parsed(read: Any) -> None:
    text = VALID.replace("https://chat.example/secret-path", "${SCHEME:-https}://${HOST}/x")
    (chat,) = read(text, HOST="a: {b}\n# c").receivers["team"].integrations
    assert chat.config.url.get_secret_value() == "https://a: {b}\n# c/x"


def test_a_doubled_dollar_stands_for_itself(read: Any) -> None:
    text = VALID.replace("https", "$${X}")
    (chat,) = read(text).receivers["team"].integrations
    assert chat.config.url.get_secret_value().startswith("${X}:")


def test_a_default_is_used_where_a_variable_is_set_to_nothing(read: Any) -> None:
    text = VALID.replace("https", "${SCHEME:-http}")
    (chat,) = read(text, SCHEME="").receivers["team"].integrations
    assert chat.config.url.get_secret_value().startswith("http:")


def test_an_integration_whose_variable_comes_out_empty_is_disabled_and_listed(
    read: Any,
) -> None:
    text = VALID.replace("https://chat.example/secret-path", "${CHAT_URL:-}\n        room: x")
    text += "      - url: https://chat.example/second\n"
    config = read(text)
    (disabled,) = config.disabled
    assert str(disabled) == "receivers[0].chat_configs[0]: disabled, CHAT_URL not set"
    assert [i.name for i in config.integrations()] == ["chat[1]"]
    assert [i.name for i in read(text, CHAT_URL="https://x").integrations()] == [
        "chat[0]",
        "chat[1]",
    ]


def test_a_changed_value_changes_the_digest_of_its_integration_alone(read: Any) -> None:
    text = VALID + "    log_configs: [{}]\n"

    def digests(text: str) -> dict[str, str]:
        return {i.name: i.digest for i in read(text).integrations()}

    before, after = digests(text), digests(text.replace("secret-path", "another"))
    assert before["chat[0]"] != after["chat[0]"]
    assert before["log[0]"] == after["log[0]"]


def test_secrets_are_known_and_do_not_show(read: Any) -> None:
    config = read(VALID)
    assert config.secrets() == {"https://chat.example/secret-path"}
    assert "secret-path" not in repr(config)


def test_the_shipped_file_loads_on_a_fresh_machine() -> None:
    config = load(SHIPPED, environ={})
    assert {i.kind for i in config.integrations()} == {"log", "prometheus"}
    off = {"slack[0]", "slack[1]", "email[0]", "webhook[0]"}
    assert {d.name for d in config.disabled} == off
    assert not config.warnings


def test_without_a_file_the_same_holds_as_shipped(tmp_path: Path) -> None:
    built_in = load(tmp_path / "alerts.yml", environ={})
    shipped = load(SHIPPED, environ={})
    assert built_in.path == BUILT_IN
    assert built_in.route == shipped.route
    assert built_in.inhibit_rules == shipped.inhibit_rules
    assert built_in.receivers == shipped.receivers
    assert built_in.disabled == shipped.disabled
    assert built_in.fallback == shipped.fallback
    assert built_in.digest == shipped.digest


MAIL = {"SMTP_SMARTHOST": "mail:587", "SMTP_FROM": "a@b.example", "ALERT_EMAIL_TO": "c@d.example"}


@pytest.mark.parametrize(
    ("environ", "told_by"),
    [
        ({"SLACK_WEBHOOK_URL": "https://hooks.slack.example/x"}, {"slack[1]"}),
        ({"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_CHANNEL": "#alerts"}, {"slack[0]"}),
        ({"SLACK_BOT_TOKEN": "xoxb-1"}, set()),
        (MAIL, {"email[0]"}),
        ({**MAIL, "SMTP_AUTH_USERNAME": "u", "SMTP_AUTH_PASSWORD": "p"}, {"email[0]"}),
        ({k: v for k, v in MAIL.items() if k != "SMTP_FROM"}, set()),
        ({"ALERT_WEBHOOK_URL": "https://hook.example/x"}, {"webhook[0]"}),
    ],
)
@pytest.mark.parametrize("path", [SHIPPED, Path("no such file")], ids=["shipped", "built in"])
def test_a_channel_is_told_the_moment_its_variables_are_set(
    environ: dict[str, str], told_by: set[str], path: Path
) -> None:
    names = {i.name for i in load(path, environ=environ).integrations()}
    assert names == {"log[0]", "prometheus[0]", *told_by}


def test_a_bad_file_is_refused_when_the_router_is_made(tmp_path: Path) -> None:
    path = tmp_path / "alerts.yml"
    path.write_text("route: {receiver: nobody}\nreceivers: []\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"alerts\.yml:1: route\.receiver: no receiver 'nobody'"):
        AlertRouter.from_file(path, environ={})


def test_reading_the_file_loads_neither_dagster_nor_the_database() -> None:
    code = (
        "import sys; from pathlib import Path; from work_data_hub.alerting import AlertRouter;"
        f" AlertRouter.from_file(Path({str(SHIPPED)!r}), environ={{}});"
        " heavy = {'dagster', 'sqlalchemy', 'polars', 'requests', 'jinja2'};"
        " print(sorted(heavy & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
