"""A message in Slack's form: within its limits, whatever the texts hold, and only text."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from work_data_hub.alerting.render import message
from work_data_hub.alerting.sink import Incident, Purpose, Status
from work_data_hub.alerting.sinks.slack.blocks import (
    BARE_TEXT_CHARS,
    LAID_OUT_CHARS,
    MAX_BLOCKS,
    MAX_LAID_OUT,
    MAX_LINK_CHARS,
    MAX_MESSAGE_CHARS,
    bare_message,
    cost,
    escape,
    fit,
    slack_message,
)
from work_data_hub.alerting.testing import resolved, sample_incident, sample_notification
from work_data_hub.alerting.testing.slack_limits import form_error, shown_texts
from work_data_hub.alerting.wording import EN, ZH

ENTITIES = ("&amp;", "&lt;", "&gt;")


def told(*incidents: Incident, purpose: Purpose = Purpose.OPEN, language: str = "en") -> Any:
    return slack_message(message(sample_notification(purpose, *incidents, language=language)))


def everything_of(payload: dict[str, Any]) -> str:
    return "\n".join(shown_texts(payload))


def is_escaped(text: str) -> bool:
    """Nothing but our own links is in angle brackets, and no entity is cut."""
    own_links = re.sub(r"<https?://[^<>|]+\|[^<>|]+>", "", text)
    bare = own_links
    for entity in ENTITIES:
        bare = bare.replace(entity, "")
    return not set(bare) & set("&<>")


def test_the_layout_reads_from_the_top() -> None:
    payload = told(sample_incident())
    kinds = [block["type"] for block in payload["blocks"]]
    assert kinds == [
        *("header", "section", "section", "section", "section", "actions", "section", "context")
    ]
    assert payload["text"] == payload["blocks"][0]["text"]["text"]


def test_the_run_is_one_tap_away() -> None:
    (actions,) = [
        block for block in told(sample_incident())["blocks"] if block["type"] == "actions"
    ]
    assert actions["elements"][0]["url"].startswith("http://127.0.0.1:3000/runs/")
    assert actions["elements"][0]["text"]["text"] == "Open run"


def test_a_summary_that_the_title_shows_whole_is_not_said_twice() -> None:
    texts = shown_texts(told(sample_incident()))
    assert len([text for text in texts[1:] if "refused the connection" in text]) == 1


def test_a_summary_too_long_for_the_title_is_shown_below() -> None:
    summary = "the warehouse refused the connection " * 10
    texts = shown_texts(told(sample_incident(annotations={"summary": summary})))
    assert summary.strip() in texts[2]


def test_further_links_are_text() -> None:
    incident = sample_incident(annotations={"runbook_url": "https://wiki/x?a=1&b=2"})
    assert "<https://wiki/x?a=1&amp;b=2|Runbook>" in everything_of(told(incident))


def test_a_link_too_long_for_slack_is_left_out() -> None:
    incident = sample_incident(annotations={"run_url": "https://x/" + "a" * MAX_LINK_CHARS})
    assert "actions" not in [block["type"] for block in told(incident)["blocks"]]


@pytest.mark.parametrize("mention", ["<!channel>", "<!here>", "<@U012AB3CD>", "<#C0>", "<a|b>"])
def test_a_mention_in_any_text_notifies_nobody(mention: str) -> None:
    names = ("summary", "error", "log_excerpt", "next_step", "owner", "files", mention)
    incident = sample_incident(
        annotations=dict.fromkeys(names, mention), labels={"partition": mention, "job": mention}
    )
    payload = told(incident, sample_incident(labels={"partition": mention}))
    assert mention not in everything_of(payload)
    assert everything_of(payload).count(escape(mention)) > 5
    assert is_escaped(everything_of(payload))
    assert mention not in bare_message(message(sample_notification(Purpose.OPEN, incident)))["text"]


def test_a_code_block_in_an_error_does_not_end_ours() -> None:
    incident = sample_incident(annotations={"error": "a ``` b ```` *bold* ```"})
    (section,) = [text for text in shown_texts(told(incident)) if text.startswith("*Error*")]
    assert section.count("```") == 2
    assert section.endswith("\n```")


def test_a_backtick_in_a_value_does_not_end_its_code() -> None:
    payload = told(sample_incident(labels={"partition": "a`*b*`c"}))
    values = [
        text.split("\n")[1] for text in shown_texts(payload) if text.startswith("*Partition*")
    ]
    assert values == ["`aˋ*b*ˋc`"]


def test_the_end_of_a_long_log_and_the_start_of_a_long_error_are_kept() -> None:
    lines = "\n".join(f"line {n}" for n in range(9_000))
    payload = told(sample_incident(annotations={"error": lines, "log_excerpt": lines}))
    error, log = (t for t in shown_texts(payload) if t.startswith(("*Error*", "*End of the log*")))
    assert "line 0\n" in error
    assert "line 8999" not in error
    assert "line 8999\n" in log
    assert "line 0\n" not in log
    for text in (error, log):
        assert re.search(r"\[… [\d,]+ characters cut …\]", text)


def test_what_was_cut_is_counted_exactly() -> None:
    text = "&" * 1_000
    shown = fit(text, 300, EN)
    count = int(re.search(r"([\d,]+) characters", shown)[1].replace(",", ""))  # type: ignore[index]
    assert shown.count("&amp;") + count == 1_000


def test_other_incidents_of_the_group_are_a_line_each() -> None:
    others = [sample_incident(labels={"partition": f"2024-{n:02}"}) for n in range(1, 4)]
    (listed,) = [
        text
        for text in shown_texts(told(sample_incident(), *others))
        if text.startswith("*Also in this group*")
    ]
    assert len(listed.splitlines()) == 4
    assert "2024-03" in listed


def test_a_big_group_is_cut_and_counted() -> None:
    group = [sample_incident(labels={"partition": f"p{n}"}) for n in range(200)]
    text = everything_of(told(*group))
    listed = len(re.findall(r"^🔴 p\d+ · ", text, re.MULTILINE))
    more = int(re.search(r"and (\d+) more", text)[1])  # type: ignore[index]
    assert listed > 6
    assert 1 + listed + more == 200


EVIL = st.text(
    alphabet=st.sampled_from(
        [*"&<>`*_~|\n\t a:@#!\\\"'", "é", "中", "😀", "\ud800", "\x1b", "\u202e"]
    )
    | st.characters(),
    max_size=40,
)
LONG = st.builds(lambda text, n: text * n, EVIL, st.sampled_from([1, 1, 50, 2_000]))
NAMES = st.sampled_from(
    ["summary", "error", "changes", "log_excerpt", "next_step", "owner", "run_id", "run_url", "x"]
)


@st.composite
def incidents(draw: st.DrawFn) -> Incident:
    incident = sample_incident(
        annotations=draw(st.dictionaries(NAMES | EVIL, LONG, max_size=12)),
        status=draw(st.sampled_from(list(Status))),
    )
    urls = st.sampled_from([None, "http://h/r?a=1&b=<x>", "https://h/" + "&" * 2_990])
    return replace(
        incident,
        labels={**incident.labels, "job": draw(LONG)},
        generator_url=draw(urls),
        event_count=draw(st.integers(1, 99)),
    )


@settings(max_examples=150, deadline=None)
@given(
    st.lists(incidents(), min_size=1, max_size=4),
    st.sampled_from([1, 30]),
    st.sampled_from(["en", "zh"]),
)
def test_no_message_is_beyond_slacks_limits_or_holds_live_markup(
    group: list[Incident], times: int, language: str
) -> None:
    payload = told(*(group * times), language=language)
    assert form_error(payload, update=True) is None
    assert len(payload["blocks"]) <= MAX_BLOCKS
    assert cost(payload["blocks"]) <= MAX_MESSAGE_CHARS
    assert is_escaped(everything_of(payload))


@settings(max_examples=100, deadline=None)
@given(LONG, st.integers(60, 400), st.booleans(), st.sampled_from([EN, ZH]))
def test_a_fitted_text_is_within_its_limit_and_never_ends_inside_an_entity(
    text: str, limit: int, keep_end: bool, words: Any
) -> None:
    shown = fit(text, limit, words, keep_end=keep_end)
    assert len(shown) <= limit
    assert is_escaped(shown)
    if len(escape(text)) <= limit:
        assert html.unescape(shown) == html.unescape(escape(text))


@pytest.mark.parametrize("text", ["&" * 60_000, "中" * 60_000, "😀" * 60_000, "a\n" * 30_000])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_60_kb_in_every_text_still_fit(text: str, language: str) -> None:
    payload = told(*full_of(text), language=language)
    assert form_error(payload, update=True) is None
    assert cost(payload["blocks"]) <= MAX_MESSAGE_CHARS


def full_of(text: str) -> list[Incident]:
    """A group that has it wherever there is a text."""
    names = [
        "summary",
        "error",
        "changes",
        "log_excerpt",
        "next_step",
        "owner",
        "run_id",
        "backfill",
    ]
    names += [f"{n}{'x' * 100}" for n in range(20)]
    incident = sample_incident(annotations=dict.fromkeys(names, text), labels={"partition": text})
    return [incident] * 31


@pytest.mark.parametrize(
    ("count", "chars"), [(MAX_LAID_OUT, LAID_OUT_CHARS // MAX_LAID_OUT - 100), (3, 2_500), (1, 9)]
)
def test_what_a_publisher_laid_out_stands_whole_and_is_followed_by_what_there_is_room_for(
    count: int, chars: int
) -> None:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * chars}}] * count
    assert cost(blocks) <= LAID_OUT_CHARS
    notification = sample_notification(Purpose.OPEN, *full_of("a\n" * 30_000))
    payload = slack_message(message(notification), blocks)
    assert form_error(payload, update=True) is None
    assert payload["blocks"][1 : count + 1] == blocks
    assert "*Job*" in everything_of(payload)
    assert cost(payload["blocks"]) <= MAX_MESSAGE_CHARS


def test_the_bare_text_is_short_enough_for_an_edit_in_any_script() -> None:
    names = ("summary", "error", "next_step")
    incident = sample_incident(annotations=dict.fromkeys(names, "😀" * 60_000))
    payload = bare_message(message(sample_notification(Purpose.OPEN, incident)))
    assert form_error(payload, update=True) is None
    assert len(payload["text"]) <= BARE_TEXT_CHARS + MAX_LINK_CHARS + 1
    assert "http://127.0.0.1:3000/runs/" in payload["text"]


def test_a_resolved_message_is_complete_in_chinese() -> None:
    over = resolved(sample_notification(language="zh"))
    text = everything_of(slack_message(message(over)))
    for word in ("✅ 已恢复：运行失败", "*持续*\n`2 小时`", "*恢复于*", "打开运行"):
        assert word in text
