"""Matchers in Alertmanager's notation, and what inhibition makes of them."""

from __future__ import annotations

import pytest

from work_data_hub.alerting.inhibition import InhibitRule, inhibited_by
from work_data_hub.alerting.matchers import Matcher, Op, all_match, in_order, parse, text_of


@pytest.mark.parametrize(
    ("text", "labels", "takes"),
    [
        ('severity="critical"', {"severity": "critical"}, True),
        ("severity=critical", {"severity": "critical"}, True),
        ("severity = critical", {"severity": "critical"}, True),
        ('severity="critical"', {"severity": "criticality"}, False),
        ('severity!="critical"', {"severity": "warning"}, True),
        ('severity!="critical"', {}, True),
        ('severity=""', {}, True),
        ('job=~"trustee_.*"', {"job": "trustee_daily"}, True),
        ('job=~"trustee"', {"job": "trustee_daily"}, False),
        ('job!~"trustee_.*"', {"job": "trustee_daily"}, False),
        ('job=~"a|b"', {"job": "b"}, True),
        ('team="数据组"', {"team": "数据组"}, True),
        ('error="a \\"b\\" \\\\ c\\nd"', {"error": 'a "b" \\ c\nd'}, True),
        ('{job="a", step=~"b|c"}', {"job": "a", "step": "c"}, True),
        ('{job="a", step=~"b|c"}', {"job": "a", "step": "d"}, False),
        ('job="a,b"', {"job": "a,b"}, True),
        ("job=~a|b", {"job": "ab"}, False),
        ('job=~"."', {"job": "组"}, True),
        ('job=~"."', {"job": "\n"}, False),
        (r'job=~"\p{Han}+"', {"job": "受托业绩"}, True),
        (r'job=~"\p{Han}+"', {"job": "受托x"}, False),
        ('job=~""', {}, True),
        ('job!~".+"', {}, True),
        ("{}", {}, True),
        ('{job="a"', {"job": "a"}, True),
        ('job="a",\u3000', {"job": "a"}, True),
    ],
)
def test_a_matcher_takes_what_it_says(text: str, labels: dict[str, str], takes: bool) -> None:
    assert all_match(parse(text), labels) is takes


@pytest.mark.parametrize("text", ["severity", "=critical", 'a="b" c="d"', 'a=~"("', 'a="b'])
def test_what_is_no_matcher_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(text)


def test_a_matcher_reads_back_as_it_was_written() -> None:
    (matcher,) = parse('error="a \\"b\\" \\\\ c\\nd"')
    assert parse(str(matcher)) == (matcher,)


@pytest.mark.parametrize(
    "text",
    ["数据=x", ",a=b", "a=b,,c=d", "{{a=b}}", " {a=b}", 'a=~"(?=x)"', r'a=~"(x)\1"', r'a=~"\C"'],
)
def test_what_alertmanager_does_not_read_neither_do_we(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(text)


def test_a_regular_expression_that_python_would_hang_on_is_quick() -> None:
    (matcher,) = parse('a=~"(x+x+)+y"')
    assert not matcher.matches({"a": "x" * 50_000})


def test_matchers_are_in_the_same_order_however_they_were_written() -> None:
    ordered = in_order(parse('b="1",a!="2",a="2",a=~"1"'))
    assert text_of(ordered) == '{a=~"1",a="2",a!="2",b="1"}'
    assert ordered[0] == Matcher("a", Op.REGEX, "1")


RULE = InhibitRule(
    parse('alertname="RunFailed"'), parse('alertname=~".*Failed"'), ("location", "job")
)
RUN = {"alertname": "RunFailed", "location": "here", "job": "daily"}


@pytest.mark.parametrize(
    ("labels", "held"),
    [
        ({"alertname": "StepFailed", "location": "here", "job": "daily"}, True),
        ({"alertname": "StepFailed", "location": "here", "job": "hourly"}, False),
        ({"alertname": "StepFailed", "location": "here"}, False),
        ({"alertname": "FileMissing", "location": "here", "job": "daily"}, False),
        (RUN, False),
    ],
)
def test_a_rule_holds_back_what_agrees_with_what_fires(labels: dict[str, str], held: bool) -> None:
    assert (inhibited_by([RULE], labels, [RUN]) is not None) is held


def test_nothing_is_held_back_when_nothing_fires() -> None:
    labels = {"alertname": "StepFailed", "location": "here", "job": "daily"}
    assert inhibited_by([RULE], labels, []) is None


def test_labels_that_neither_has_count_as_equal() -> None:
    labels = {"alertname": "StepFailed", "location": "here"}
    assert inhibited_by([RULE], labels, [{"alertname": "RunFailed", "location": "here"}])
