"""The operator's templates: what they may do, what is refused, and that they always end."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from work_data_hub.alerting import templates
from work_data_hub.alerting.config import AlertsConfig, load
from work_data_hub.alerting.errors import ConfigError
from work_data_hub.alerting.regex import MAX_TEMPLATE_CHARS_OF_A_FILE
from work_data_hub.alerting.sink import Incident, Notification, Purpose, Status
from work_data_hub.alerting.template_data import NAMES, template_data
from work_data_hub.alerting.templates import MAX_OUTPUT_BYTES, Templates
from work_data_hub.alerting.testing import sample_incident, sample_notification

FILE = """\
route: {receiver: team}
receivers:
  - name: team
    slack_configs:
      - api_url: https://hooks.example/x
        KEY: |-
          TEXT
"""
HOSTILE = "<!channel> {{ 7 * 7 }} {% for i in range(9) %}x{% endfor %} ${HOME} <b>&"


def filled(
    text: str, notification: Notification | None = None, *, escape: Any = str
) -> templates.Filled:
    own = Templates("slack", text=(text, escape))
    return own.fill_in(notification or sample_notification(), title="🔴 ours")


def said(text: str, *incidents: Incident, **options: Any) -> str:
    notification = sample_notification(Purpose.OPEN, *incidents)
    return filled(text, notification, **options).texts["text"]


def loaded(folder: Path, text: str, *, key: str = "text") -> AlertsConfig:
    path = folder / "alerts.yml"
    indented = text.replace("\n", "\n          ")
    path.write_text(FILE.replace("KEY", key).replace("TEXT", indented), encoding="utf-8")
    return load(path, environ={})


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("plain words", "plain words"),
        ("{{ receiver }} {{ status }} {{ severity }} {{ purpose }}", "sample firing critical open"),
        ("[值班] {{ title }}", "[值班] 🔴 ours"),
        ("{{ group_labels.job }}", "trustee_performance_multi_file_job"),
        ("{{ common_annotations.step | upper }}", "LOAD_OP"),
        ("{{ incidents[0].started_at }}", "2024-11-05 02:10:33"),
        ("{{ firing | length }} of {{ incidents | length }}, {{ resolved | length }}", "2 of 3, 1"),
        ("{% for i in firing %}{{ i.labels.partition }};{% endfor %}", "七月;八月;"),
        ("{{ common_labels.partition }}|{{ common_labels.job[:7] }}", "|trustee"),
        ("{% for l in incidents[0].labels | sort %}{{ l }} {% endfor %}", "alertname job location"),
        ("{{ incidents[0].run_url }}", "http://127.0.0.1:3000/runs/0d6c1a52"),
        ("{{ incidents[0].generator_url }}{{ incidents[0].resolved_at }}.", "."),
        ("{# note #}{% set n = 2 %}{{ n * 3 }}{{ 7 % 4 }}", "63"),
        ("{% if firing %}{% set n = 1 %}{% endif %}{{ n }}", "1"),
        ("{% with n = firing | length %}{{ n }}{% endwith %}", "2"),
        ("{% for i in firing %}{{ loop.index }}/{{ loop.length }} {% endfor %}", "1/2 2/2"),
    ],
)
def test_a_template_says_what_the_operator_wrote(template: str, expected: str) -> None:
    group = (
        sample_incident(labels={"partition": "七月"}),
        sample_incident(labels={"partition": "八月"}),
        sample_incident(labels={"partition": "九月"}, status=Status.RESOLVED),
    )
    assert said(template, *group).startswith(expected)


def test_every_name_is_there() -> None:
    assert template_data(sample_notification(), title="x").keys() == NAMES


def test_a_label_that_is_not_there_is_empty_as_in_alertmanager() -> None:
    assert said("({{ group_labels.partition }})") == "()"


def test_a_summary_is_in_the_language_of_the_receiver() -> None:
    notes = {"summary": "the load failed", "summary_zh": "入库失败"}
    chinese = sample_notification(Purpose.OPEN, sample_incident(annotations=notes), language="zh")
    assert filled("{{ incidents[0].summary }}", chinese).texts == {"text": "入库失败"}


def test_text_of_an_alert_is_data_and_no_template() -> None:
    incident = sample_incident(annotations={"summary": HOSTILE})
    assert said("{{ incidents[0].summary }}", incident) == HOSTILE
    assert html.escape(HOSTILE) in said("<p>{{ title }}{{ incidents[0].annotations.summary }}</p>",
                                        incident, escape=html.escape)  # fmt: skip


@pytest.mark.parametrize(
    "template",
    [
        "{{ incidents[0].summary }}",
        "{{ incidents[0].summary ~ '' }}",
        "{% set s = incidents[0].summary %}{{ s }}",
        "{{ '%s' | replace('%s', incidents[0].summary) }}",
        "{{ incidents | map(attribute='summary') | join }}",
        "{{ [incidents[0].summary] }}",
        "{{ '<!channel>' }}",
    ],
)
def test_data_is_escaped_whatever_way_it_takes(template: str) -> None:
    incident = sample_incident(annotations={"summary": "<!channel>"})
    shown = said(f"<!here> {template}", incident, escape=html.escape)
    assert shown.startswith("<!here> ")
    assert "<!channel>" not in shown
    assert "&lt;!channel&gt;" in shown


def test_a_link_that_is_no_web_address_is_empty() -> None:
    notes = {"run_url": "javascript:alert(1)", "runbook_url": "https://docs.example/a"}
    incident = replace(sample_incident(annotations=notes), generator_url="file:///etc/passwd")
    template = "{% set i = incidents[0] %}{{ i.run_url }}|{{ i.generator_url }}|{{ i.runbook_url }}"
    assert said(template, incident) == "||https://docs.example/a"


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{{ title", "in its line 1: unexpected end of template"),
        ("one\n{% if title %}\n{{ title }}", "in its line 3: Unexpected end of template"),
        ("{{ title | shout }}", "in its line 1: No filter named 'shout'"),
        ("{{ reciever }}", "no value for 'reciever'; there are common_annotations, common_labels"),
        ("{{ ''.__class__.__mro__ }}", "__mro__ is not for templates"),
        ("{{ title._x }}", "_x is not for templates"),
        ("{{ title | safe }}", "No filter named 'safe'"),
        ("{{ '%999999999d' | format(1) }}", "No filter named 'format'"),
        ("{% include '/etc/passwd' %}", "only if, for, set and with are read"),
        ("{% import 'x' as x %}{{ title }}", "only if, for, set and with are read"),
        ("{% extends 'x' %}{{ title }}", "only if, for, set and with are read"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "only if, for, set and with are read"),
        ("{% set x %}{{ title }}{% endset %}{{ x }}", "only if, for, set and with are read"),
        ("{% autoescape false %}{{ title }}{% endautoescape %}", "only if, for, set and with"),
        ("{% for i in incidents recursive %}{{ loop([i]) }}{% endfor %}", "only if, for, set"),
        ("{{ namespace(a=1) }}", "no value for 'namespace'"),
        ("{{ title | center(1000000000) }}", "numbers go to 100000"),
        ("{{ " + "(" * 3_000 + " }}", "nested too deep"),
        ("{{ 1" + " + 1" * 5_000 + " }}", "nested too deep"),
        ("{% for i in incidents %}" * 11 + "{% endfor %}" * 11, "more than 10 of if, for and with"),
    ],
)
@pytest.mark.parametrize("key", ["title", "text"])
def test_one_that_cannot_be_used_is_refused_with_its_line_and_key(
    tmp_path: Path, template: str, problem: str, key: str
) -> None:
    where = rf"alerts\.yml:6: receivers\[0\]\.slack_configs\[0\]\.{key}: is "
    with pytest.raises(ConfigError, match=where + ".*" + re.escape(problem)):
        loaded(tmp_path, template, key=key)


def test_templates_of_a_file_have_an_end_together(tmp_path: Path) -> None:
    loaded(tmp_path, "{{ title }}" + "x" * (MAX_TEMPLATE_CHARS_OF_A_FILE - 11))
    with pytest.raises(ConfigError, match="more than a file may hold, 30000 characters"):
        loaded(tmp_path, "{{ title }}" + "x" * (MAX_TEMPLATE_CHARS_OF_A_FILE - 10))
    loaded(tmp_path, "words, and no template " * 3_000)


@pytest.mark.parametrize(
    "template",
    [
        "{{ .CommonAnnotations.summary }}",
        "{{- .Status -}}",
        '{{ template "slack.default.text" . }}',
        "{{ range .Alerts }}x{{ end }}",
        '{{ define "x" }}{{ end }}',
        "{{ if eq .Status `firing` }}x{{ else }}y{{ end }}",
        "{{ with $x := .Labels }}{{ end }}",
        "{{ $labels.job }}",
        "{{ .Alerts.Firing | len }}",
        "{{ len .Alerts }} open",
        "{{ toUpper .Status }}",
        '{{ printf "%s" "x" }}',
        "{{ (index .Alerts 0).Labels.job }}",
        "{{/* note */}}",
    ],
)
def test_a_go_template_is_warned_of_and_ours_stands(tmp_path: Path, template: str) -> None:
    config = loaded(tmp_path, template)
    (warning,) = config.warning_lines()
    assert warning.endswith(
        "alerts.yml:6: receivers[0].slack_configs[0].text: "
        "Go templates are not read; our own text stands in their place"
    )
    assert filled(template).texts == {}


@pytest.mark.parametrize(
    "template",
    [
        "costs $5 {{ title }}",
        "{{ range(3) | join }}",
        "{{ title if status == 'firing' else '' }}",
        "{{ not (status == 'firing') }}",
        "{% for i in range (2) %}{{ loop.index }}{% endfor %}",
        "{% if firing %}.{% endif %}",
    ],
)
def test_what_is_ours_is_taken_for_no_go_template(tmp_path: Path, template: str) -> None:
    assert loaded(tmp_path, template).warnings == ()
    assert said(template)


def test_a_key_without_a_place_is_warned_of_whatever_its_language(tmp_path: Path) -> None:
    (warning,) = loaded(tmp_path, "{{ title }}", key="pretext").warnings
    assert warning.key.endswith(".pretext")
    assert warning.problem == "is not read; a message has our own form"


def test_output_is_cut_at_64_kb_within_no_character() -> None:
    text = said("{% for i in range(100000) %}受托业绩{% endfor %}")
    assert MAX_OUTPUT_BYTES - 3 <= len(text.encode()) <= MAX_OUTPUT_BYTES
    assert set(text) == set("受托业绩")
    long = sample_incident(annotations={"error": "x" * 900_000})
    assert len(said("{{ incidents[0].annotations.error }}", long)) == MAX_OUTPUT_BYTES


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
        "{% for a in title * 100000 %}{{ a }}{% endfor %}",
        "{% for a in range(100000) if false %}{% endfor %}" * 50,
        "{{ range(100000, -1, -1) | list }}",
        "{% set n = 99999 %}{{ n ** n ** n }}",
        "{% set n = 99999 %}{{ 'x' | center(n * n) }}",
        "{{ '%999999999d' % 1 }}",
        "{{ '{:999999999}'.format(1) }}",
        "{{ incidents.append(1) }}",
        "{{ title['__class__'] }}",
        "{{ title | attr('__class__') }}",
        "{{ incidents | map(attribute='__class__') | join }}",
        "{{ incidents[0].starts_at }}",
        "{{ incidents[7].summary }}",
        "{{ 1 / 0 }}",
        "{{ incidents[0].summary + 1 }}",
    ],
)
def test_one_that_fails_or_does_not_end_leaves_our_text_and_says_so(
    template: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert filled(template) == templates.Filled({}, failed=1)
    (line,) = caplog.messages
    assert "template.failed" in line
    assert "receiver='sample'" in line
    assert "key='slack_configs.text'" in line
    assert caplog.records[0].levelname == "ERROR"


def test_a_template_has_a_second_of_processor_time() -> None:
    seconds: Iterator[float] = iter(range(100))
    template = templates._compiled("{% for i in [1, 2, 3] %}{{ i }}{% endfor %}", str)
    data = template_data(sample_notification(), title="")
    with pytest.raises(TimeoutError, match="longer than 1 s"):
        templates.rendered(template, data, cpu_s=lambda: next(seconds))
    assert templates.rendered(template, data, cpu_s=lambda: 7.0) == "123"


def test_one_that_fails_spares_the_others() -> None:
    own = Templates("slack", title=("{{ 1 / 0 }}", str), text=("{{ status }}", str))
    got = own.fill_in(sample_notification(), title="")
    assert got == templates.Filled({"text": "firing"}, failed=1)


@pytest.mark.parametrize("template", ["", " ", "{% if status == 'resolved' %}over{% endif %}"])
def test_where_nothing_comes_out_ours_stands_and_nothing_failed(template: str) -> None:
    assert filled(template) == templates.Filled({})


def test_control_characters_are_gone() -> None:
    incident = sample_incident(annotations={"summary": "a\x00\x1b[31mb\u202ec\ud800"})
    assert said("ring\x07 <b>") == "ring <b>"
    assert said("\x07{{ incidents[0].annotations.summary }}", incident) == "abc?"


def test_jinja_is_loaded_for_a_template_and_for_nothing_else(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from work_data_hub.alerting import AlertRouter;"
        "AlertRouter.from_file(Path(sys.argv[1]), environ={}); print('jinja2' in sys.modules)"
    )
    for text, expected in (("words", "False"), ("{{ .Go }}", "False"), ("{{ title }}", "True")):
        loaded(tmp_path, text)
        told = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "alerts.yml")],
            capture_output=True,
            text=True,
            check=True,
        )
        assert told.stdout.strip() == expected, text
