"""Any file is refused within a second: oversize, over-deep, thousands of faults, huge expressions.

Measured is the work of this process, the least of some turns: a busy machine fails no test.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from work_data_hub.alerting.config import AlertsConfig, load
from work_data_hub.alerting.errors import ConfigError
from work_data_hub.alerting.regex import (
    MAX_CHARS_OF_A_FILE,
    MAX_PATTERN_CHARS,
    Allowance,
)
from work_data_hub.strict_yaml import MAX_BYTES, MAX_CHARS_TOLD, MAX_FAULTS_TOLD, MAX_VALUES

MOST_WORK_S = 1.0
TURNS = 3
# RE2 compiles it to a thousand steps.
LETTER = r"\pL"
ROUTES = "receivers: [{name: team}]\nroute:\n  receiver: team\n  routes:\n"
RECEIVER = "route: {receiver: team}\nreceivers:\n- name: team\n"
TIMES = RECEIVER + "time_intervals:\n- name: x\n  time_intervals:\n"


def many(head: str, item: Callable[[int], str], tail: str = "", *, values: int = 0) -> str:
    """As many items as fit in a file; values: of one item, where they are what ends it."""
    text = [head]
    left = MAX_BYTES - len(head.encode()) - len(tail.encode())
    at_most = (MAX_VALUES - 100) // values if values else MAX_BYTES
    for i in range(at_most):
        part = item(i)
        left -= len(part.encode())
        if left < 0:
            break
        text.append(part)
    return "".join([*text, tail])


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., AlertsConfig]:
    def read(text: str, **environ: str) -> AlertsConfig:
        assert len(text.encode()) <= MAX_BYTES
        path = tmp_path / "alerts.yml"
        path.write_text(text, encoding="utf-8")
        return load(path, environ=environ)

    return read


@pytest.fixture
def refused(read: Callable[..., AlertsConfig]) -> Callable[..., ConfigError]:
    def refused(text: str, **environ: str) -> ConfigError:
        for _ in range(TURNS):
            before_s = time.process_time()
            with pytest.raises(ConfigError) as caught:
                read(text, **environ)
            work_s = time.process_time() - before_s
            if work_s < MOST_WORK_S:
                break
        assert work_s < MOST_WORK_S
        assert len(caught.value.faults) <= MAX_FAULTS_TOLD
        assert len(str(caught.value)) < (MAX_FAULTS_TOLD + 1) * 3 * MAX_CHARS_TOLD
        return caught.value

    return refused


@pytest.mark.parametrize(
    "template",
    [
        "{{1}}",
        "{{title.a.b}}" * 10,
        "{% for i in firing %}{{ i.x }}{% endfor %}",
        "{{ {" + "1: 1, " * 4_000 + "} }}",
        "{{ title" + " ~ title" * 3_000 + " }}",
        "{% if 1 %}" * 1_000 + "{% endif %}" * 1_000,
        "{{ " + "(" * 20_000,
        "{{ title }}" + "x" * 900_000,
    ],
    ids=lambda template: template[:20],
)
def test_as_many_templates_as_there_can_be_are_refused_at_once(
    refused: Callable[..., ConfigError], template: str
) -> None:
    file = many(
        f"{RECEIVER}  slack_configs:\n",
        lambda _: f"  - {{api_url: 'https://x', text: '{template}'}}\n",
        values=4,
    )
    error = refused(file)
    assert "more than a file may hold" in str(error) or "template" in str(error)


@pytest.mark.parametrize(
    ("head", "item", "values"),
    [
        (RECEIVER, lambda i: f"k{i}: 1\n", 1),
        (ROUTES, lambda _: "  - {k: 1}\n", 2),
        (ROUTES, lambda _: "  - {matchers: [a]}\n", 3),
        (ROUTES, lambda i: f"  - {{match: {{a: [b{i}]}}}}\n", 4),
        (ROUTES, lambda _: "  - {group_wait: x}\n", 2),
        (ROUTES, lambda i: f"  - {{receiver: nobody{i}}}\n", 2),
        (ROUTES + "  - mute_time_intervals:\n", lambda i: f"    - t{i}\n", 1),
        (RECEIVER, lambda _: "- name: team\n", 2),
        (RECEIVER, lambda _: "- {name: a, chta_configs: []}\n", 3),
        (RECEIVER + "  slack_configs:\n", lambda _: "  - {x: y}\n", 2),
        (RECEIVER + "  webhook_configs:\n", lambda _: "  - {url_file: /nowhere}\n", 2),
        (RECEIVER + "  webhook_configs:\n", lambda i: f"  - {{url: '${{V{i}}}'}}\n", 2),
        (RECEIVER + "global:\n", lambda i: f"  k{i}: 1\n", 1),
        (TIMES, lambda _: "  - {years: [x]}\n", 3),
        (TIMES, lambda _: "  - {months: [13]}\n", 3),
    ],
)
def test_of_thousands_of_faults_the_first_are_told_and_the_rest_counted(
    refused: Callable[..., ConfigError], head: str, item: Callable[[int], str], values: int
) -> None:
    error = refused(many(head, item, values=values))
    assert len(error.faults) == MAX_FAULTS_TOLD
    assert error.more > MAX_VALUES / values - 200
    assert str(error).splitlines()[-1] == f"and {error.more} more"


def test_a_file_of_17_000_routes_each_with_a_fault_is_refused_as_too_large(
    refused: Callable[..., ConfigError],
) -> None:
    error = refused(many(ROUTES, lambda i: f"  - {{receiver: team, matchers: [ab], k{i}: 1}}\n"))
    assert f"is too large, more than {MAX_VALUES} values" in str(error)


def test_a_name_that_is_not_there_is_told_with_the_first_of_those_that_are(
    refused: Callable[..., ConfigError],
) -> None:
    receivers = "".join(f"- name: r{i:04}\n" for i in range(3_000))
    routes = "".join(f"  - receiver: x{i}\n" for i in range(3_000))
    text = f"route:\n  receiver: r0000\n  routes:\n{routes}receivers:\n{receivers}"
    first = str(refused(text)).splitlines()[0]
    assert first.endswith("known: " + ", ".join(f"r{i:04}" for i in range(10)) + " and 2990 more")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 1_000_000,
        "- " * 500_000,
        "{a: " * 250_000,
        "? " * 500_000,
        "[" + "," * 1_000_000,
        "- &x\n" * 150_000,
        "a: &a [x, x]\nb: &b [*a, *a]\n" + "c: [*b, *b]\n" * 50_000,
        "- a\n" * 250_000,
        "--- a\n" * 150_000,
        "%YAML 1.1\n" * 100_000,
        "".join(f"%TAG !a{i}! !b\n" for i in range(50_000)) + "---\na: 1\n",
        "a: " + "9" * 1_000_000,
        "a: 1" + ":59" * 300_000,
        "a: 1" + "_" * 1_000_000,
        "a: 2001-12-14" + " " * 1_000_000 + "x",
        "a: !!binary " + "QUJD" * 250_000,
        '"' + "\\x41" * 250_000,
        " " * 1_000_000,
        "\t" * 1_000_000,
        "#\n" * 500_000,
        "k" * 1_000_000 + ": 1",
        many("a:\n", lambda _: "- " + "9" * 4_000 + "\n"),
        many("route: {receiver: a}\n", lambda i: f"'k{i}-{'x' * 900}': 1\n"),
    ],
    ids=lambda text: text[:12].strip(),
)
def test_yaml_that_is_a_bomb_is_refused_at_once(
    refused: Callable[..., ConfigError], text: str
) -> None:
    refused(text)


def matcher(regex: str) -> str:
    return f"{ROUTES}  - matchers: ['a=~\"{regex}\"']\n"


@pytest.mark.parametrize(
    "text",
    [
        matcher("x" * 900_000),
        matcher("ab|" * 300_000),
        matcher(LETTER * 300_000),
        f"{ROUTES}  - match_re: {{a: '{'x' * 900_000}'}}\n",
        many(ROUTES + "  - matchers: ['", lambda i: f"a=~b{i},", "']\n"),
        many(ROUTES, lambda _: r"  - matchers: ['a=~\"(\pL{100}){9}\"']" + "\n", values=3),
        many(ROUTES, lambda _: f"  - matchers: ['a=~\"{LETTER * 300}\"']\n"),
        many(ROUTES, lambda _: f"  - matchers: ['a=~\"{'x' * 4_000}\"']\n"),
        many(ROUTES, lambda _: f"  - matchers: ['a=~\"({LETTER * 1_000}\"']\n"),
        many(ROUTES, lambda i: f"  - {{matchers: ['a=~.{{{i % 1_000}}}{i}']}}\n", values=3),
    ],
    ids=lambda text: text[len(ROUTES) :][:30],
)
def test_huge_regular_expressions_are_refused_at_once(
    refused: Callable[..., ConfigError], text: str
) -> None:
    assert "regular expression" in str(refused(text))


def test_the_longest_pattern_is_read_and_one_more_character_is_not(
    read: Callable[..., AlertsConfig],
) -> None:
    longest = "a" * MAX_PATTERN_CHARS
    assert read(matcher(longest)).route.routes[0].matches({"a": longest})
    with pytest.raises(ConfigError, match=r"of 10001 characters, at most 10000$"):
        read(matcher(longest + "a"))


def test_expressions_that_are_more_than_a_file_may_hold_are_refused_from_there_on(
    refused: Callable[..., ConfigError],
) -> None:
    length = 1_000
    fit = MAX_CHARS_OF_A_FILE // length
    routes = "".join(f"  - matchers: ['a=~\"{'x' * length}\"']\n" for _ in range(fit + 20))
    error = refused(ROUTES + routes)
    assert (len(error.faults), error.more) == (20, 0)
    assert error.faults[0].key == f"route.routes[{fit}].matchers"


def test_wrong_expressions_are_all_told_of_while_they_are_few() -> None:
    allowance = Allowance()
    for _ in range(200):
        with pytest.raises(ValueError, match="is no regular expression"):
            allowance.check("trustee_(daily|hourly")


@pytest.mark.parametrize(
    "text",
    [
        f"{ROUTES}  - matchers: ['a=\"{' ' * 1_000_000}b c']\n",
        f"{ROUTES}  - matchers: ['a={' ' * 1_000_000}\"b c']\n",
        f"{ROUTES}  - matchers: ['{'a' * 1_000_000}']\n",
        f"{ROUTES}  - matchers: ['a=\"{chr(92) * 999_000}']\n",
        f"{ROUTES}  - group_wait: '{'1' * 1_000_000}s'\n",
        f"{ROUTES}  - group_wait: '{'1' * 4_000}s'\n",
        f"{TIMES}  - years: ['{'1' * 1_000_000}']\n",
        f"{TIMES}  - location: '{'a/' * 500_000}'\n",
        f"{RECEIVER}  webhook_configs: [{{url: '{'${a:-' * 200_000}'}}]\n",
        f"{RECEIVER}  webhook_configs: [{{url: '{'${' * 500_000}'}}]\n",
        f"{RECEIVER}  webhook_configs: [{{url: '${{{'a' * 1_000_000}'}}]\n",
        f"{RECEIVER}  email_configs: [{{to: '{'a@b.example,' * 80_000}'}}]\n",
    ],
    ids=lambda text: text[-40:].strip(),
)
def test_one_text_of_a_megabyte_is_refused_at_once(
    refused: Callable[..., ConfigError], text: str
) -> None:
    refused(text)


def test_variables_come_to_no_more_than_a_file(refused: Callable[..., ConfigError]) -> None:
    text = f"{RECEIVER}  webhook_configs: [{{url: '{'${BIG}' * 170_000}'}}]\n"
    (fault,) = refused(text, BIG="x" * 100_000).faults
    assert fault.problem == f"variables come to more than {MAX_BYTES} characters"


def test_a_problem_that_quotes_a_megabyte_is_told_by_its_beginning_and_its_end(
    refused: Callable[..., ConfigError],
) -> None:
    told = str(refused(f"{ROUTES}  - matchers: ['{'a' * 1_000_000}']\n"))
    assert ":5: route.routes[0].matchers: 'aaaa" in told
    assert told.endswith(
        """aaaa' is not a matcher; write it like severity="critical" or job=~"daily_.*\""""
    )


def test_a_file_of_thousands_of_routes_and_intervals_is_read(
    read: Callable[..., AlertsConfig],
) -> None:
    routes = "".join(
        f"  - {{receiver: team, matchers: ['job=~\"j{i}_.*\"']}}\n" for i in range(2_000)
    )
    times = "".join(
        f"- {{name: t{i}, time_intervals: [{{months: ['{i % 12 + 1}']}}]}}\n" for i in range(1_000)
    )
    before_s = time.process_time()
    config = read(f"{ROUTES}{routes}time_intervals:\n{times}")
    assert time.process_time() - before_s < 2 * MOST_WORK_S
    assert (len(config.route.routes), len(config.time_intervals)) == (2_000, 1_000)
    assert config.route.routes[1_999].matches({"job": "j1999_daily"})
