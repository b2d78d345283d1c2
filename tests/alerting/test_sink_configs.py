"""What the entries of e-mail and webhook may hold; secrets from files; TLS that stays on."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from work_data_hub.alerting.catalog import built_in
from work_data_hub.alerting.config import load
from work_data_hub.alerting.errors import ConfigError
from work_data_hub.alerting.sinks.email import EmailConfig
from work_data_hub.alerting.sinks.email.addresses import Mailbox, host_and_port, mailboxes
from work_data_hub.alerting.sinks.slack import SlackConfig
from work_data_hub.alerting.sinks.webhook import WebhookConfig

EMAIL = {"to": "a@example.org", "from": "wdh@example.org", "smarthost": "mail.example.org:587"}
HOOK = {"url": "https://example.org/planted-secret"}
KEY = "whsec_" + base64.b64encode(b"planted-secret-planted-secret").decode()


@pytest.mark.parametrize(
    ("given", "key", "problem"),
    [
        ({"to": ""}, "to", "no address"),
        ({"to": "nobody"}, "to", "no e-mail address"),
        ({"to": "a@example.org\r\nBcc: eve@example.org"}, "to", "line break"),
        ({"to": "张@example.org"}, "to", "no e-mail address"),
        ({"to": "a@example.org, A@example.org"}, "to", "twice"),
        ({"to": "a@example.org; b@example.org"}, "to", "no e-mail address"),
        ({"to": "<script>@example.org"}, "to", "no e-mail address"),
        ({"from": "a@example.org, b@example.org"}, "from", "more than one"),
        ({"smarthost": "mail.example.org"}, "smarthost", "host:port"),
        ({"smarthost": "mail.example.org:smtp"}, "smarthost", "host:port"),
        ({"smarthost": "mail.example.org:99999"}, "smarthost", "port"),
        ({"smarthost": "a b:25"}, "smarthost", "host:port"),
        ({"hello": "x\r\nMAIL FROM:<eve@x>"}, "hello", "no host name"),
        ({"auth_username": "u"}, "", "auth_username and auth_password together"),
        ({"auth_password": "planted-secret"}, "", "auth_username and auth_password together"),
        ({"auth_username": "u", "auth_password": "planted-secret-é"}, "", "not ASCII"),
        ({"auth_username": "u\0v", "auth_password": "planted-secret"}, "", "not ASCII"),
        ({"headers": {"X-A": "b\r\nBcc: eve@x"}}, "headers", "line break"),
        ({"headers": {"X A": "b"}}, "headers", "no name of a header"),
        ({"headers": {"Message-ID": "<a@b>"}}, "headers", "not for a configuration"),
        ({"headers": {"bcc": "eve@example.org"}}, "headers", "not for a configuration"),
        ({"headers": {"Subject": "a", "subject": "b"}}, "headers", "twice"),
        ({"headers": {"To": "everybody"}}, "headers", "no e-mail address"),
        ({"tls_config": {"insecure_skip_verify": True}}, "tls_config.insecure", "always verified"),
        ({"tls_config": {"ca_file": "/no/such/file"}}, "tls_config.ca_file", "no such file"),
        ({"colour": "red"}, "colour", "Extra inputs"),
    ],
)
def test_an_email_entry_that_cannot_work_is_refused(
    given: dict[str, Any], key: str, problem: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        EmailConfig.model_validate(EMAIL | given)
    (fault,) = caught.value.errors()
    assert ".".join(map(str, fault["loc"])).startswith(key)
    assert problem in fault["msg"]
    assert "planted-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"url": "example.org/planted-secret"}, "no web address"),
        ({"url": "ftp://example.org/planted-secret"}, "no web address"),
        ({"max_alerts": -1}, "greater than or equal"),
        ({"timeout": "soon"}, "not a duration"),
        ({"timeout": 5}, "no duration"),
        ({"secret": "planted-secret!"}, "whsec_"),
        ({"secret": f"{KEY}!"}, "whsec_"),
        ({"secret": "whsec_cGxhbnRlZC1zZWNyZXQ="}, "14 bytes"),
        ({"secret": [KEY, "whsec_cGxhbnRlZC1zZWNyZXQ="]}, "14 bytes"),
        ({"http_config": {"follow_redirects": True}}, "never followed"),
        ({"http_config": {"http_headers": {"Host": {"values": ["x"]}}}}, "Host"),
        ({"http_config": {"http_headers": {"webhook-id": {"values": ["x"]}}}}, "webhook-id"),
        ({"http_config": {"http_headers": {"X:Y": {"values": ["x"]}}}}, "no name of a header"),
        ({"http_config": {"http_headers": {"X": {"secrets": ["planted-secret\n"]}}}}, "line break"),
        (
            {
                "http_config": {
                    "authorization": {"credentials": "planted-secret"},
                    "basic_auth": {"username": "u"},
                }
            },
            "not both",
        ),
    ],
)
def test_a_webhook_entry_that_cannot_work_is_refused(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError) as caught:
        WebhookConfig.model_validate(HOOK | given)
    assert problem in str(caught.value)
    assert "planted-secret" not in str(caught.value)


def test_no_secret_shows_in_an_entry() -> None:
    http_config = {
        "authorization": {"credentials": "planted-secret"},
        "http_headers": {"X-Key": {"secrets": ["planted-secret"]}},
    }
    hook = WebhookConfig.model_validate(HOOK | {"secret": KEY, "http_config": http_config})
    login = {"auth_username": "u", "auth_password": "planted-secret"}
    shown = f"{hook!r} {hook} {EmailConfig.model_validate(EMAIL | login)!r}"
    assert "planted-secret" not in shown
    assert KEY.removeprefix("whsec_") not in shown


@pytest.mark.parametrize(
    ("given", "noted"),
    [
        ({}, False),
        ({"require_tls": False}, True),
        ({"require_tls": False, "smarthost": "localhost:25"}, False),
        ({"require_tls": False, "smarthost": "[::1]:25"}, False),
        ({"require_tls": False, "smarthost": "mail.example.org:465"}, False),
    ],
)
def test_mails_that_go_out_unencrypted_are_noted(given: dict[str, Any], noted: bool) -> None:
    assert bool(EmailConfig.model_validate(EMAIL | given).notes()) is noted


def test_that_a_webhook_of_slack_edits_nothing_is_noted() -> None:
    assert SlackConfig.model_validate({"api_url": "https://example.org"}).notes()
    assert not SlackConfig.model_validate({"app_token": "xoxb-1", "channel": "#a"}).notes()


def test_addresses_are_read_as_people_write_them() -> None:
    assert mailboxes('a@example.org,"Chen, Wei" <b@example.org>,  值班 <c@example.org>') == (
        Mailbox("", "a@example.org"),
        Mailbox("Chen, Wei", "b@example.org"),
        Mailbox("值班", "c@example.org"),
    )
    assert host_and_port("[::1]:25") == ("::1", 25)
    assert host_and_port("mail:587") == ("mail", 587)


class TestSecretFiles:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        path = tmp_path / "secret"
        path.write_text("  https://example.org/from-a-file\n")
        return path

    def test_any_secret_can_stand_in_a_file(self, file: Path) -> None:
        hook = WebhookConfig.model_validate({"url_file": str(file)})
        assert hook.url.get_secret_value() == "https://example.org/from-a-file"
        slack = SlackConfig.model_validate({"api_url_file": str(file)})
        assert slack.api_url is not None
        assert slack.api_url.get_secret_value() == "https://example.org/from-a-file"

    def test_a_nested_one_too(self, tmp_path: Path) -> None:
        path = tmp_path / "token"
        path.write_text("planted-secret\n")
        http_config = {"authorization": {"credentials_file": str(path)}}
        hook = WebhookConfig.model_validate(HOOK | {"http_config": http_config})
        assert hook.http_config.headers() == {"Authorization": "Bearer planted-secret"}

    def test_a_file_may_hold_several_while_one_is_rotated(self, tmp_path: Path) -> None:
        path = tmp_path / "secrets"
        path.write_text(f"{KEY}\n{KEY}\n")
        hook = WebhookConfig.model_validate(HOOK | {"secret_file": str(path)})
        assert [secret.get_secret_value() for secret in hook.secret] == [KEY, KEY]

    @pytest.mark.parametrize(
        ("content", "path", "problem"),
        [
            (None, None, "cannot be read: No such file"),
            (b"", None, "is empty"),
            (b" \n", None, "is empty"),
            (b"\xff\xfe", None, "not UTF-8"),
            (b"x" * 70_000, None, "too long"),
            (None, "secret.txt", "whole path"),
            (None, 5, "whole path"),
        ],
    )
    def test_a_file_that_cannot_be_used_is_named_by_its_key(
        self, tmp_path: Path, content: bytes | None, path: object, problem: str
    ) -> None:
        file = tmp_path / "secret"
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(ValidationError) as caught:
            WebhookConfig.model_validate({"url_file": str(file) if path is None else path})
        (fault,) = caught.value.errors()
        assert fault["loc"] == ("url_file",)
        assert problem in fault["msg"]

    def test_a_secret_is_given_once(self, file: Path) -> None:
        with pytest.raises(ValidationError, match="stands beside url"):
            WebhookConfig.model_validate(HOOK | {"url_file": str(file)})

    def test_what_is_no_secret_has_no_file(self, file: Path) -> None:
        with pytest.raises(ValidationError, match="Extra inputs"):
            EmailConfig.model_validate(EMAIL | {"hello_file": str(file)})

    def test_the_error_names_the_line(self, tmp_path: Path) -> None:
        path = tmp_path / "alerts.yml"
        path.write_text(
            "route: {receiver: r}\n"
            "receivers:\n"
            "  - name: r\n"
            "    webhook_configs:\n"
            "      - max_alerts: 5\n"
            "        url_file: /no/such/file\n"
        )
        with pytest.raises(ConfigError) as caught:
            load(path, environ={})
        assert (
            f"{path}:6: receivers[0].webhook_configs[0].url_file: cannot be read: No such file"
            in str(caught.value)
        )


def test_a_key_that_a_global_stands_in_for_is_one_of_the_model() -> None:
    for kind in built_in().values():
        fields = {about.alias or name for name, about in kind.model.model_fields.items()}
        assert set(kind.globals) <= fields
