"""Secrets do not get out: by value, by shape, whatever stands around them, and without delay."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from work_data_hub.alerting.alert import storable_labels
from work_data_hub.alerting.redact import MASK, Redactor

BOT_TOKEN = "xoxb-123456789012-abcdefGHIJKL"
WEBHOOK = "https://hooks.slack.com/services/T0AAAAAAA/B0BBBBBBB/cccccccccccccccccccccccc"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA75\nabc+/=\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"posted with {BOT_TOKEN} to Slack", BOT_TOKEN),
        ("xoxe.xoxp-1-Mi0yLTEyMzQ1Njc4OTAx", "Mi0yLTEyMzQ1Njc4OTAx"),
        ("app token xapp-1-A012-3456-deadbeef", "A012-3456-deadbeef"),
        (f"HTTPSConnectionPool: {WEBHOOK} failed", "cccccccccccccccccccccccc"),
        ("Authorization: Bearer abc.def-123456", "abc.def-123456"),
        ("{'Authorization': 'Basic dXNlcjpwYXNz'}", "dXNlcjpwYXNz"),
        (f"token is {JWT}", "dozjgNryP4J3jVmNHl0w5N"),
        (f"key:\n{PEM}\nend", "MIIEpAIBAAKCAQEA75"),
        ("cut off:\n-----BEGIN PRIVATE KEY-----\nMIIEpAIBAAKCAQEA75", "MIIEpAIBAAKCAQEA75"),
        ("aws AKIAIOSFODNN7EXAMPLE used", "AKIAIOSFODNN7EXAMPLE"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "wJalrXUtnFEMI"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "abcdefghijklmnopqrstuvwxyz"),
        ("postgresql://etl:hunter2@db:5432/dw", "hunter2"),
        ("postgresql+psycopg://etl:p@ss/w:rd@db.local/dw", "p@ss/w:rd"),
        ("postgresql+psycopg://etl:p@ss/w:rd@db.local/dw", "etl"),
        ("https://ghp0123token@github.com/org/repo", "ghp0123token"),
        ("redis://:onlypassword@cache:6379/0", "onlypassword"),
        ("mysql://u:12345@host/db", "12345"),
        ("could not connect: password=hunter2 host=db", "hunter2"),
        ("PGPASSWORD='two words' psql", "two words"),
        ('{"password": "hun\\"ter2", "user": "etl"}', "hun"),
        ("password: hunter2", "hunter2"),
        ("Server=db;Pwd=hunter2;Database=dw", "hunter2"),
        ("https://oapi.dingtalk.com/robot/send?access_token=0f1e2d3c4b&x=1", "0f1e2d3c4b"),
        ('"client_secret": "s3cr3tvalue"', "s3cr3tvalue"),
        ("api_key=0123456789abcdef", "0123456789abcdef"),
        ("?api-key: 0123456789abcdef", "0123456789abcdef"),
    ],
)
def test_a_secret_of_a_known_shape_is_taken_out(text: str, secret: str) -> None:
    redacted = Redactor().text(text)
    assert secret not in redacted
    assert MASK in redacted


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:3000/runs/0d6c1a52-6f0e-4c57-9d6b-0a5d3f2b9c11",
        "http://dagster:3000/runs/1?owner=ops@example.com",
        "see https://example.com/a?email=ops@example.com, then mail ops@example.com",
        "SyntaxError: unexpected token: identifier",
        "KeyError: 'partition_key'",
        "primary key (report_date, plan_code, company_code)",
        "column 收益率 holds '5.5%' at row 17: 数值超出范围",
        "the bearer of this",
        'Traceback (most recent call last):\n  File "load.py", line 3, in <module>',
    ],
)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert Redactor().text(text) == text


def test_our_own_secrets_go_in_every_spelling() -> None:
    redactor = Redactor([WEBHOOK, 'pa"ss word/1'])
    path_only = "Max retries exceeded with url: /services/T0AAAAAAA/B0BBBBBBB/" + "c" * 24
    assert "T0AAAAAAA" not in redactor.text(path_only)
    assert "pa" not in redactor.text("?p=pa%22ss%20word%2F1")
    assert "ss word" not in redactor.text('{"x": "pa\\"ss word/1"}')


@pytest.mark.parametrize(
    ("url", "quoted"),
    [
        (WEBHOOK, "url: /services/T0AAAAAAA/B0BBBBBBB/" + "c" * 24),
        ("http://hooks/services/T/B/xxx", "with url: /services/T/B/xxx (Caused by ...)"),
        ("http://hooks/a%2Fb/key%20of%20ours", "POST /a/b/key of ours HTTP/1.1"),
        ("http://hooks/in?key=k3y-of-0urs", "GET /in?key=k3y-of-0urs"),
        ("http://hooks/in?k=1234", "url: /in?k=1234"),
    ],
)
def test_an_own_address_goes_by_its_path_alone(url: str, quoted: str) -> None:
    redacted = Redactor([url]).text(quoted)
    assert MASK in redacted
    assert not any(part in redacted for part in ("xxx", "ccc", "key of", "k3y", "1234"))


def test_a_signing_secret_goes_without_its_prefix() -> None:
    key = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert key not in Redactor([f"whsec_{key}"]).text(f"signed with {key}")
    assert key not in Redactor().text(f"signed with whsec_{key}")


def test_the_password_of_an_own_url_goes_by_itself() -> None:
    redactor = Redactor(["postgresql://etl:correct%20horse@db/dw"])
    assert "horse" not in redactor.text("FATAL: authentication failed with correct horse")


def test_each_line_of_a_secret_goes_by_itself() -> None:
    key = "first-line-of-a-key-0123\nsecond-line-of-a-key-456"
    assert "second-line" not in Redactor([key]).text("log: second-line-of-a-key-456 |")


@pytest.mark.parametrize("name", ["API_KEY", "slack_bot_token", "CLIENT_SECRET", "PGPASSWORD"])
def test_a_variable_with_a_telling_name_is_a_secret(name: str) -> None:
    redactor = Redactor(environ={name: "v4lue-of-it"})
    assert redactor.text("it said v4lue-of-it!") == f"it said {MASK}!"


def test_other_variables_and_switches_are_none() -> None:
    environ = {"HOME": "/home/anna", "USE_KEY": "1", "KEEP_SECRET": "true", "TOKEN": ""}
    text = "true: /home/anna 1"
    assert Redactor(environ=environ).text(text) == text


def test_a_short_secret_goes_only_where_it_stands_alone() -> None:
    redactor = Redactor(environ={"DB_PASSWORD": "etl4"})
    assert redactor.text("user etl4 in etl42 and my_etl4") == f"user {MASK} in etl42 and my_etl4"


def test_a_secret_that_holds_another_leaves_nothing_behind() -> None:
    redactor = Redactor(["abcdefgh", "abcdefgh-and-more"])
    assert redactor.text("x abcdefgh-and-more y") == f"x {MASK} y"


def test_a_mapping_loses_the_values_that_are_secrets_by_name() -> None:
    texts = {
        "db_password": "x1",
        "asset_key": "fund/returns",
        "error": "password=abcd",
        "token": "",
    }
    assert Redactor().mapping(texts) == {
        "db_password": MASK,
        "asset_key": "fund/returns",
        "error": f"password={MASK}",
        "token": "",
    }


PIECES = st.sampled_from(
    [
        *(
            "password=",
            "token=",
            "://",
            "@",
            ":",
            "/",
            "'",
            '"',
            " ",
            "\n",
            ",",
            "Bearer ",
            "xoxb-",
        ),
        *("-----BEGIN A KEY-----", "-----END A KEY-----", "eyJ", ".", "AKIA", "Authorization: "),
        *(
            "hunter2hunter2",
            "secret=",
            "api_key:",
            "中文",
            "\ud800",
            "\x00",
            MASK,
            "hooks.slack.com/",
        ),
    ]
)


@given(st.lists(PIECES | st.text(max_size=5), max_size=30).map("".join))
def test_it_never_raises_and_twice_is_once(text: str) -> None:
    redactor = Redactor(["hunter2hunter2"])
    once = redactor.text(text)
    assert "hunter2hunter2" not in once
    assert redactor.text(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "a line of a log without anything in it\n" * 1_600,
        "://a:b" * 10_000,
        "://" + "a" * 60_000,
        "eyJaaaaaa-" * 6_000,
        "eyJ" + "a" * 60_000,
        "-----BEGIN KEY-----" * 3_000,
        "password" * 7_500,
        'password="' * 6_000,
        "bearer " * 8_500,
        "Authorization: " * 4_000,
        "secret_access_" * 4_200,
        "xoxb-" * 12_000,
    ],
    ids=lambda text: text[:16],
)
def test_no_text_of_60_kb_makes_it_slow(text: str) -> None:
    redactor = Redactor([f"secret-value-{n}" for n in range(30)])
    began = time.perf_counter()
    redactor.text(text)
    assert time.perf_counter() - began < 0.5


def test_labels_lose_secrets_but_not_the_words_that_route() -> None:
    redactor = Redactor(environ={"DB_PASSWORD": "dagster", "OLD_PASSWORD": "critical"})
    clean = {"alertname": "RunFailed", "job": "dagster"}
    assert redactor.labels(clean) is clean
    assert redactor.labels(
        {"job": "dagster", "severity": "critical", "api_key": "x1", "url": "ftp://etl:x1@h/"}
    ) == {"job": "dagster", "severity": "critical", "api_key": MASK, "url": f"ftp://{MASK}@h/"}


@pytest.mark.parametrize("before", range(930, 965, 3))
def test_a_label_that_was_cut_within_a_secret_holds_no_half_of_it(before: int) -> None:
    secret = "s3cret-that-is-longer-than-most"
    labels = storable_labels({"path": f"{'x' * before}{secret} and {'more ' * 50}"})
    redacted = Redactor([secret]).labels(labels)["path"]
    assert redacted.startswith("x" * before)
    assert secret[:8] not in redacted


def test_two_events_whose_keys_differ_in_a_secret_alone_stay_two() -> None:
    redactor = Redactor(["abcdefgh", "ijklmnop"])
    assert redactor.event_key("run_failed:1") == "run_failed:1"
    one, other = redactor.event_key("put:abcdefgh"), redactor.event_key("put:ijklmnop")
    assert one != other
    assert one.startswith(f"put:{MASK}")
    assert redactor.event_key(one) == one
