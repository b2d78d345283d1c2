"""What a message says: enough to act on at 02:10 on a phone, in English and in Chinese."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest

from work_data_hub.alerting.alert import Severity
from work_data_hub.alerting.plain_text import one_line, plain
from work_data_hub.alerting.redact import Redactor
from work_data_hub.alerting.render import (
    MAX_EXTRA_FIELDS,
    MAX_OTHERS,
    MAX_TITLE_CHARS,
    lasting,
    local_time,
    message,
)
from work_data_hub.alerting.sink import Acknowledgement, NoticeCause, Purpose, Status
from work_data_hub.alerting.testing import resolved, sample_incident, sample_notification
from work_data_hub.alerting.testing.samples import STARTED_AT
from work_data_hub.alerting.wording import EN, ZH

JOB = "trustee_performance_multi_file_job"
WHY = "load_op failed: the warehouse refused the connection"


def test_the_title_says_what_where_and_why_in_one_line() -> None:
    assert message(sample_notification()).title == f"🔴 Run failed · {JOB} · {WHY}"


def test_the_chinese_title_says_the_same() -> None:
    assert message(sample_notification(language="zh")).title == f"🔴 运行失败 · {JOB} · {WHY}"


def test_the_facts_are_fields_in_a_fixed_order_with_shanghai_time() -> None:
    incident = message(sample_notification()).first
    assert [(field.name, field.value) for field in incident.fields] == [
        ("Job", JOB),
        ("Step", "load_op"),
        ("Schedule", "trustee_daily_schedule"),
        ("Error class", "WarehouseError"),
        ("Owner", "data-team"),
        ("Code location", "work_data_hub"),
        ("Run", "0d6c1a52-6f0e-4c57-9d6b-0a5d3f2b9c11"),
        ("Since", "2024-11-05 02:10:33 (Asia/Shanghai)"),
    ]


def test_what_to_do_comes_before_the_error_and_the_log() -> None:
    incident = message(sample_notification(language="zh")).first
    assert [section.title for section in incident.sections] == ["处理办法", "错误", "日志末尾"]
    assert "connection refused" in incident.sections[1].text


def test_what_changed_stands_between_the_error_and_the_log_and_only_while_it_fires() -> None:
    changes = {"changes": "image: 1.4 → 1.5", "changes_zh": "image：1.4 → 1.5"}
    told = sample_notification(Purpose.OPEN, sample_incident(annotations=changes), language="zh")
    titles = [section.title for section in message(told).first.sections]
    assert titles == ["处理办法", "错误", "与上次成功相比的变化", "日志末尾"]
    assert message(told).first.sections[2].text == "image：1.4 → 1.5"
    over = message(resolved(told)).first.sections
    assert [section.title for section in over] == ["错误"]


def test_the_command_that_silences_goes_by_what_identifies() -> None:
    incident = sample_incident(labels={"owner": "anna", "team": "prices"})
    silence = message(sample_notification(Purpose.OPEN, incident)).silence
    assert silence is not None
    assert "job=" in silence.text
    assert not {"owner", "team", "severity"} & set(re.findall(r"(\w+)=", silence.text))


def test_no_english_word_of_ours_is_left_in_chinese() -> None:
    group = [sample_incident(), sample_incident(labels={"partition": "2024-11"})]
    notice = replace(
        sample_notification(Purpose.NOTICE, *group, language="zh"),
        causes=(NoticeCause.REMINDER,),
    )
    for notification in (notice, resolved(sample_notification(*(), language="zh"))):
        told = message(notification)
        shown = [told.title, told.footer]
        shown += [field.name for field in told.first.fields]
        shown += [section.title for section in told.first.sections]
        shown += [link.text for link in told.first.links]
        shown += [line.text for line in told.others]
        english = [EN.resolved, EN.started, EN.error, EN.open_run, EN.incident, "Run failed"]
        assert not [word for word in english for text in shown if word in text]


def test_a_publisher_may_say_it_in_both_languages() -> None:
    both = {"summary": "no rows", "summary_zh": "没有数据行", "next_step_zh": "请向受托人索取文件"}
    incident = sample_incident(annotations=both)
    english = message(sample_notification(Purpose.OPEN, incident))
    chinese = message(sample_notification(Purpose.OPEN, incident, language="zh"))
    assert english.first.summary == "no rows"
    assert chinese.first.summary == "没有数据行"
    assert chinese.title.endswith("没有数据行")
    assert chinese.first.sections[0].text == "请向受托人索取文件"
    assert not [field for field in english.first.fields if field.name.endswith("_zh")]


def test_both_languages_have_the_same_words_and_places_for_values() -> None:
    for field in fields(EN):
        english, chinese = getattr(EN, field.name), getattr(ZH, field.name)
        if isinstance(english, str):
            assert english.count("{}") == chinese.count("{}"), field.name
        else:
            assert set(english) == set(chinese), field.name


def test_every_severity_and_cause_has_its_words() -> None:
    for words in (EN, ZH):
        assert set(words.severities) == set(Severity)
        assert set(words.causes) == set(NoticeCause)


def test_an_unknown_language_is_spoken_as_english() -> None:
    assert message(sample_notification(language="fr")).words is EN


@pytest.mark.parametrize(
    ("labels", "where"),
    [
        ({"job": "a", "step": "s", "partition": "2024-11"}, "a / s / 2024-11"),
        ({"sensor": "new_files", "location": "hub"}, "new_files"),
        ({"asset_key": "fund/returns", "check": "not_null"}, "fund/returns / not_null"),
        ({"domain": "trustee_performance", "file": "x.xlsx"}, "trustee_performance / x.xlsx"),
        ({"location": "hub"}, "hub"),
        ({"host": "db1", "disk": "/"}, "disk=/, host=db1"),
    ],
)
def test_the_place_in_a_title_is_the_most_telling_label(labels: dict[str, str], where: str) -> None:
    incident = replace(sample_incident(), labels={"alertname": "Odd", **labels}, annotations={})
    title = message(sample_notification(Purpose.OPEN, incident)).title
    assert title == f"🔴 Odd · {where}"


def test_a_title_without_summary_takes_the_first_line_of_the_error() -> None:
    incident = sample_incident(annotations={"summary": "", "error": "ValueError: x\n  at y"})
    assert message(sample_notification(Purpose.OPEN, incident)).title.endswith("· ValueError: x")


def test_a_title_is_never_longer_than_a_line() -> None:
    long = {"summary": "s" * 60_000}
    incident = sample_incident(annotations=long, labels={"job": "j" * 60_000})
    title = message(sample_notification(Purpose.OPEN, incident)).title
    assert len(title) <= MAX_TITLE_CHARS
    assert "sss" in title


@pytest.mark.parametrize(
    ("cause", "start"),
    [
        (NoticeCause.NEW_INCIDENT, "🔴 New: Run failed"),
        (NoticeCause.RAISED_SEVERITY, "🔴 Raised: Run failed"),
        (NoticeCause.REMINDER, "🔴 Still open: Run failed"),
    ],
)
def test_a_notice_says_why_it_comes(cause: NoticeCause, start: str) -> None:
    notice = replace(sample_notification(Purpose.NOTICE), causes=(cause,))
    assert message(notice).title.startswith(start)


def test_a_resolved_message_says_so_and_how_long_it_lasted() -> None:
    told = message(resolved(sample_notification()))
    assert told.title == f"✅ Resolved: Run failed · {JOB} · 2 h"
    values = {field.name: field.value for field in told.first.fields}
    assert values["Resolved at"] == "2024-11-05 04:10:33 (Asia/Shanghai)"
    assert values["Lasted"] == "2 h"


def test_what_is_over_asks_for_nothing_and_shows_no_log() -> None:
    incident = message(resolved(sample_notification())).first
    assert [section.title for section in incident.sections] == ["Error"]


def test_a_success_is_told_as_a_notice_not_as_a_resolved_problem() -> None:
    labels = {"alertname": "StepSucceeded", "severity": "info", "step": "load_op"}
    incident = replace(
        sample_incident(labels=labels),
        annotations={},
        status=Status.RESOLVED,
        resolved_at=STARTED_AT,
    )
    told = message(sample_notification(Purpose.RESOLVE, incident))
    assert told.title == f"🔵 Step succeeded · {JOB} / load_op"
    names = [field.name for field in told.first.fields]
    assert "At" in names
    assert "Lasted" not in names


def test_a_group_says_how_many_are_open_and_how_many_over() -> None:
    group = [
        sample_incident(labels={"partition": "2024-10"}),
        sample_incident(labels={"partition": "2024-11"}),
        sample_incident(labels={"partition": "2024-12"}, status=Status.RESOLVED),
    ]
    told = message(sample_notification(Purpose.UPDATE, *group))
    assert told.title.startswith("🔴 [2 open, 1 resolved] Run failed")
    assert [line.text[0] for line in told.others] == ["🔴", "✅"]
    assert [line.link is None for line in told.others] == [False, True]
    chinese = message(sample_notification(Purpose.UPDATE, *group, language="zh"))
    assert chinese.title.startswith("🔴 [2 个未恢复，1 个已恢复] 运行失败")


def test_an_incident_is_told_from_the_others_of_its_group_by_what_they_do_not_share() -> None:
    other = sample_incident(labels={"partition": "2024-10"})
    notification = sample_notification(Purpose.UPDATE, sample_incident(), other)

    def line(*shared: str) -> str:
        labels = {name: other.labels[name] for name in shared}
        return message(replace(notification, group_labels=labels)).others[0].text

    assert line("alertname", "location", "job") == f"🔴 2024-10 · {WHY}"
    assert line("job") == f"🔴 Run failed · 2024-10 · {WHY}"
    assert line() == f"🔴 Run failed · {JOB} / 2024-10 · {WHY}"
    assert line(*other.labels) == f"🔴 Run failed · {JOB} / 2024-10 · {WHY}"


def test_a_new_incident_stands_first_in_the_notice_about_it() -> None:
    old = sample_incident(labels={"partition": "2024-10"})
    new = sample_incident(
        labels={"partition": "2024-11", "severity": "warning"},
        started_at=STARTED_AT + timedelta(minutes=1),
    )
    notice = replace(
        sample_notification(Purpose.NOTICE, old, new), causes=(NoticeCause.NEW_INCIDENT,)
    )
    assert "2024-11" in message(notice).title
    assert "2024-10" in message(replace(notice, causes=())).title


def test_a_group_of_hundreds_is_counted_not_spelled_out() -> None:
    group = [sample_incident(labels={"partition": str(n)}) for n in range(300)]
    told = message(sample_notification(Purpose.OPEN, *group))
    assert (len(told.others), told.more) == (MAX_OTHERS, 299 - MAX_OTHERS)


def test_unknown_labels_and_annotations_are_fields_too_but_bounded() -> None:
    incident = sample_incident(
        labels={"region": "cn-east"},
        annotations={"changed": "image 1.2 -> 1.3", **{f"extra{n:03}": "x" for n in range(100)}},
    )
    told = message(sample_notification(Purpose.OPEN, incident)).first
    shown = {field.name: field.value for field in told.fields}
    assert shown["region"] == "cn-east"
    assert shown["changed"] == "image 1.2 -> 1.3"
    assert len([name for name in shown if name.startswith("extra")]) == MAX_EXTRA_FIELDS - 1


def test_an_annotation_that_says_what_a_label_says_is_shown_once() -> None:
    incident = sample_incident(labels={"step": "read_op"}, annotations={"step": "load_op"})
    told = message(sample_notification(Purpose.OPEN, incident)).first
    assert [field.value for field in told.fields if field.name == "Step"] == ["read_op"]


def test_the_links_are_the_run_the_source_and_the_runbook() -> None:
    incident = replace(
        sample_incident(annotations={"runbook_url": "https://wiki/run-failed"}),
        generator_url="http://dagster/sensors/x",
    )
    told = message(sample_notification(Purpose.OPEN, incident)).first
    assert [link.text for link in told.links] == ["Open run", "Source", "Runbook"]


def test_the_same_address_is_linked_once() -> None:
    incident = sample_incident()
    same = replace(incident, generator_url=incident.annotations["run_url"])
    told = message(sample_notification(Purpose.OPEN, same)).first
    assert [link.text for link in told.links] == ["Open run"]


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "file:///etc/passwd", "http://a b", "<!channel>", "https://x|y", ""],
)
def test_what_is_no_web_address_is_no_link(url: str) -> None:
    incident = sample_incident(annotations={"run_url": url})
    told = message(sample_notification(Purpose.OPEN, incident)).first
    assert told.links == ()


@pytest.mark.parametrize("url", ["run 17 of the cluster", "https://[bad/x", "https://h:port/x"])
def test_a_source_that_is_no_web_address_is_shown_as_text(url: str) -> None:
    incident = replace(sample_incident(annotations={"run_url": ""}), generator_url=url)
    told = message(sample_notification(Purpose.OPEN, incident)).first
    assert told.links == ()
    assert ("Source", url) in [(field.name, field.value) for field in told.fields]


@pytest.mark.parametrize("userinfo", ["etl:hunter2", "ghp0123token", "etl:p@ss"])
def test_a_link_opens_without_the_user_and_password_in_it(userinfo: str) -> None:
    url = Redactor().link(f"https://{userinfo}@dagster.example/runs/1?x=1")
    assert url == "https://dagster.example/runs/1?x=1"
    kept = Redactor().text(f"https://{userinfo}@wiki.example/x")  # as the store keeps annotations
    incident = sample_incident(annotations={"run_url": "", "runbook_url": kept})
    told = message(sample_notification(Purpose.OPEN, replace(incident, generator_url=url))).first
    assert [link.url for link in told.links] == [url, "https://wiki.example/x"]


def test_text_is_data_and_not_a_template() -> None:
    text = "{{ 7 * 7 }} {% raw %} ${HOME} {0} %s"
    incident = sample_incident(annotations={"error": text})
    told = message(sample_notification(Purpose.OPEN, incident)).first
    assert told.sections[1].text == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m text", "red text"),
        ("nul\x00 bell\x07 del\x7f", "nul bell del"),
        ("\u202egnp.exe\u202c \u2066x\u2069", "gnp.exe x"),
        ("file \udcff name", "file \ufffd name"),
        ("a\r\nb\rc\td", "a\nb\nc\td"),
        ("\n\nkept  spaces\n", "kept  spaces"),
        ("中文 emoji 😀 é", "中文 emoji 😀 é"),
    ],
)
def test_terminal_codes_control_characters_and_direction_tricks_are_gone(
    text: str, shown: str
) -> None:
    assert plain(text) == shown


def test_one_line_is_one_line_of_at_most_its_limit() -> None:
    assert one_line(" a\n b\t c\u2028d ") == "a b c d"
    assert one_line("abcdef", 6) == "abcdef"
    assert one_line("abcdefg", 6) == "abcde…"
    assert one_line("a" + " " * 10_000 + "b", 6) == "a…"


def test_time_is_shown_as_in_shanghai() -> None:
    assert local_time(datetime(2024, 12, 31, 16, 30, 5, tzinfo=UTC)) == "2025-01-01 00:30:05"


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (0, "0 s", "0 秒"),
        (59, "59 s", "59 秒"),
        (61, "1 min 1 s", "1 分 1 秒"),
        (3_600, "1 h", "1 小时"),
        (7_505, "2 h 5 min", "2 小时 5 分"),
        (90_061, "1 d 1 h", "1 天 1 小时"),
        (-5, "0 s", "0 秒"),
    ],
)
def test_a_duration_is_its_two_greatest_units(seconds: int, english: str, chinese: str) -> None:
    length = timedelta(seconds=seconds)
    assert (lasting(length, EN), lasting(length, ZH)) == (english, chinese)


def test_the_line_that_silences_it_is_ready_to_be_copied() -> None:
    told = message(sample_notification(language="zh"))
    assert told.silence is not None
    assert told.silence.title == "如需静默"
    assert told.silence.text == (
        "wdh alerts silence add 'alertname=\"RunFailed\"'"
        " 'job=\"trustee_performance_multi_file_job\"' 'location=\"work_data_hub\"' --for 2h"
    )


@pytest.mark.parametrize("labels", [{"job": "x" * 300}, {"job": "a & b"}, {"作业": "a"}])
def test_labels_that_no_chat_leaves_as_they_are_are_silenced_by_name(
    labels: dict[str, str],
) -> None:
    incident = sample_incident(labels=labels)
    told = message(sample_notification(Purpose.OPEN, incident))
    assert told.silence is not None
    line = f"wdh alerts silence add --incident {incident.fingerprint} --for 2h"
    assert told.silence.text == line


def test_what_is_over_needs_no_silence() -> None:
    assert message(resolved(sample_notification())).silence is None


def test_who_has_acknowledged_it_is_a_fact_while_it_lasts() -> None:
    seen = Acknowledgement("anna", STARTED_AT + timedelta(minutes=5), "on it")
    incident = replace(sample_incident(), acknowledged=seen)
    told = message(sample_notification(Purpose.UPDATE, incident))
    assert [field.value for field in told.first.fields if field.name == "Acknowledged by"] == [
        "anna · 2024-11-05 02:15:33 (Asia/Shanghai) · on it"
    ]
