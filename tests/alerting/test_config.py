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
            r":5: receivers\[0\]\.chta_configs: no sink of this kind is installed; there are c",
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


def test_the_shipped_file_groups_waits_and_reminds_as_promised() -> None:
    route = load(SHIPPED, environ={}).route
    assert route.group_by == {"alertname", "location", "job"}
    assert (route.group_wait_s, route.group_interval_s) == (0, 60)
    assert route.repeat_interval_s == 4 * 3600


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


MAILS = """\
global:
  smtp_smarthost: mail.example:587
  smtp_from: alerts@example.org
  smtp_auth_username: ${MAIL_USER:-}
  smtp_auth_password: ${MAIL_PASSWORD:-}
route: {receiver: mails}
receivers:
  - name: mails
    email_configs:
      - to: lead@example.org
"""


@pytest.fixture
def read_ours(tmp_path: Path) -> Any:
    def read(text: str, **environ: str) -> AlertsConfig:
        path = tmp_path / "ours.yml"
        path.write_text(text, encoding="utf-8")
        return load(path, environ=environ)

    return read


def test_a_key_that_an_integration_leaves_out_is_the_global_one(read_ours: Any) -> None:
    (mail,) = read_ours(MAILS, MAIL_USER="u", MAIL_PASSWORD="pw").integrations()
    assert (mail.config.from_, mail.config.smarthost) == ("alerts@example.org", "mail.example:587")
    assert mail.config.auth_password.get_secret_value() == "pw"


def test_a_key_of_an_integration_stands_before_the_global_one(read_ours: Any) -> None:
    (mail,) = read_ours(MAILS + "        from: own@example.org\n").integrations()
    assert mail.config.from_ == "own@example.org"


def test_an_optional_global_variable_that_is_not_set_disables_nothing(read_ours: Any) -> None:
    config = read_ours(MAILS)
    assert not config.disabled
    assert next(config.integrations()).config.auth_username is None


@pytest.mark.parametrize(
    ("text", "variable"),
    [
        (MAILS.replace("mail.example:587", "${SMARTHOST:-}"), "SMARTHOST"),
        (
            "global: {slack_api_url: '${HOOK:-}'}\nroute: {receiver: a}\n"
            "receivers: [{name: a, slack_configs: [{channel: x}]}]\n",
            "HOOK",
        ),
    ],
)
def test_a_global_variable_that_an_integration_cannot_do_without_disables_it(
    read_ours: Any, text: str, variable: str
) -> None:
    (disabled,) = read_ours(text).disabled
    assert disabled.why == f"{variable} not set"


def test_a_fault_in_a_global_value_is_told_at_the_global_key(read_ours: Any) -> None:
    with pytest.raises(ConfigError, match=r"ours\.yml:2: global\.smtp_smarthost: "):
        read_ours(MAILS.replace("mail.example:587", "mail.example"))


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ("{colour: red}", r"global\.colour: is not known here"),
        ("{resolve_timeout: 5}", r"global\.resolve_timeout: is no duration"),
        ("[a]", r"global: must be keys and their values"),
    ],
)
def test_a_wrong_global_section_is_refused(read: Any, section: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read(VALID + f"global: {section}\n")


def test_resolve_timeout_is_five_minutes_or_as_written(read: Any) -> None:
    assert read(VALID).resolve_timeout_s == 300
    assert read(VALID + "global: {resolve_timeout: 10m}\n").resolve_timeout_s == 600


def test_a_token_of_its_own_stands_before_the_global_webhook(read_ours: Any) -> None:
    config = read_ours(
        "global: {slack_api_url: 'https://hooks.example/x'}\nroute: {receiver: a}\n"
        "receivers: [{name: a, slack_configs: [{app_token: xoxb-1, channel: x}, {}]}]\n"
    )
    token, webhook = (i.config for i in config.integrations())
    assert token.api_url is None
    assert webhook.api_url.get_secret_value() == "https://hooks.example/x"


def test_a_global_secret_can_stand_in_a_file(read_ours: Any, tmp_path: Path) -> None:
    secret = tmp_path / "hook"
    secret.write_text("https://hooks.example/from-a-file\n", encoding="utf-8")
    text = (
        f"global: {{slack_api_url_file: {secret}}}\nroute: {{receiver: a}}\n"
        "receivers: [{name: a, slack_configs: [{}]}]\n"
    )
    config = read_ours(text)
    assert config.secrets() == {"https://hooks.example/from-a-file"}
    before = next(config.integrations()).digest
    secret.write_text("https://hooks.example/rotated\n", encoding="utf-8")
    assert next(read_ours(text).integrations()).digest != before


def test_a_global_secret_that_nothing_uses_is_known_all_the_same(read_ours: Any) -> None:
    text = "global: {smtp_auth_password: hunter2}\nroute: {receiver: a}\nreceivers: [{name: a}]\n"
    assert read_ours(text).secrets() == {"hunter2"}


def test_secrets_are_found_however_deep(read_ours: Any) -> None:
    config = read_ours(
        "route: {receiver: a}\nreceivers:\n- name: a\n  webhook_configs:\n  - url: https://h/s1\n"
        "    http_config: {http_headers: {X-Key: {secrets: [s2]}}, basic_auth: {username: u,"
        " password: s3}}\n"
    )
    assert config.secrets() == {"https://h/s1", "s2", "s3"}
    assert not any(secret in repr(config) for secret in ("s1", "s2", "s3"))


def test_the_fallback_is_the_first_routes_receiver_or_the_one_that_is_named(read: Any) -> None:
    other = VALID + "  - name: other\n"
    assert read(other).fallback == "team"
    assert read(other + "fallback: other\n").fallback == "other"
    with pytest.raises(ConfigError, match=r":7: fallback: no receiver 'nobody'; known: team"):
        read(VALID + "fallback: nobody\n")


def test_a_receiver_speaks_its_own_language_or_that_of_the_file(read: Any) -> None:
    text = VALID + "  - name: other\n    language: en\nlanguage: zh\n"
    receivers = read(text).receivers
    assert (receivers["team"].language, receivers["other"].language) == ("zh", "en")


def test_a_route_has_its_own_time_intervals_and_inherits_none(read: Any) -> None:
    config = read(
        VALID.replace(
            "receiver: team\n",
            "receiver: team\n  routes:\n  - mute_time_intervals: [nights]\n    routes: [{}]\n",
        )
        + "time_intervals:\n- name: nights\n  time_intervals:\n  - weekdays: [sunday]\n"
    )
    outer = config.route.routes[0]
    assert outer.mute_time_intervals == ("nights",)
    assert outer.routes[0].mute_time_intervals == ()
    assert len(config.time_intervals["nights"]) == 1


@pytest.mark.parametrize("key", ["mute_time_intervals", "active_time_intervals"])
def test_a_time_interval_that_is_not_there_is_refused(read: Any, key: str) -> None:
    text = VALID.replace("team\nrec", f"team\n  routes:\n  - {key}: [nights]\nrec")
    with pytest.raises(ConfigError, match=rf":4: .*{key}\[0\]: no time interval 'nights'"):
        read(text)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("weekdays: [friyay]", r"weekdays: 'friyay' is no day of the week"),
        ("days_of_month: ['0']", r"days_of_month: '0' is no day of the month"),
        ("months: ['13']", r"months: '13' is no month"),
        ("years: ['2026:2024']", r"years: '2026:2024' ends before it begins"),
        ("years: []", r"years: is empty; leave it out"),
        ("location: Asia/Shanghia", r"location: 'Asia/Shanghia' is no time zone"),
        (
            "times: [{start_time: '9:00', end_time: '10:00'}]",
            r"times\[0\]: '9:00' is no time of day",
        ),
        ("times: [{start_time: '22:00', end_time: '06:00'}]", r"times\[0\]: start_time must be"),
        ("hours: [1]", r"hours: is not known here"),
    ],
)
def test_a_wrong_time_interval_is_refused_with_its_line(read: Any, spec: str, says: str) -> None:
    text = VALID + f"time_intervals:\n- name: x\n  time_intervals:\n  - {spec}\n"
    with pytest.raises(
        ConfigError, match=rf":10: time_intervals\[0\]\.time_intervals\[0\]\.{says}"
    ):
        read(text)


def test_a_kind_that_nobody_brings_is_refused_by_name(read: Any) -> None:
    with pytest.raises(ConfigError, match=r"pagerduty_configs: no sink of this kind is installed"):
        read(VALID + "    pagerduty_configs: [{service_key: x}]\n")
