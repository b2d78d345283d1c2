"""`wdh alerts` as people type it at two in the morning."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import typer

from work_data_hub.alerting import Alert, AlertRouter, catalog
from work_data_hub.alerting.kind import Kind, SinkConfig
from work_data_hub.alerting.sink import Deadline, Notification, Receipt
from work_data_hub.alerting.testing import Receiver, RecordingSink, SlackServer
from work_data_hub.cli import main as cli
from work_data_hub.cli.alerts import alerts_app


class Wdh:
    """Runs `wdh alerts ...` in this process; gives exit code, stdout and stderr."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys, self._monkeypatch = capsys, monkeypatch

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        self._monkeypatch.setattr(sys, "argv", ["wdh", "alerts", *arguments])
        self._capsys.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        captured = self._capsys.readouterr()
        return code, captured.out, captured.err

    def out(self, *arguments: str) -> str:
        code, out, err = self(*arguments)
        assert code == 0, err
        return out

    def json(self, *arguments: str) -> Any:
        return json.loads(self.out(*arguments, "--json"))

    def mistake(self, *arguments: str) -> str:
        """The one sentence that it ends with."""
        code, out, err = self(*arguments)
        assert (code, out) == (1, "")
        assert err.startswith("wdh: ")
        assert err.count("\n") == 1
        return err

    def fire(self, **labels: str) -> str:
        """Publishes an alert; gives its fingerprint."""
        pairs = {"alertname": "RunFailed", "job": "daily", "severity": "critical", **labels}
        out = self.out("send", *(f"{k}={v}" for k, v in pairs.items()), "--summary", "it broke")
        return out.split()[1].rstrip(":")


@pytest.fixture
def wdh(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Wdh]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "220")
    yield Wdh(capsys, monkeypatch)


def test_list_shows_what_is_open_and_takes_matchers(wdh: Wdh) -> None:
    wdh.fire()
    other = wdh.fire(job="other", severity="warning")
    assert {i["labels"]["job"] for i in wdh.json("list")} == {"daily", "other"}
    assert [i["fingerprint"] for i in wdh.json("list", "severity=warning")] == [other]
    assert [i["fingerprint"] for i in wdh.json("list", "RunFailed", "job=~o.*")] == [other]
    assert "it broke" in wdh.out("list")
    wdh.out("resolve", other)
    assert len(wdh.json("list")) == 1
    assert "over" in wdh.out("list", "--all")


def test_one_is_found_under_more_than_a_thousand_newer_ones(wdh: Wdh, tmp_path: Path) -> None:
    oldest = wdh.fire(job="x")
    with closing(AlertRouter.from_file("none.yml", f"sqlite:///{tmp_path}/.wdh/alerts.db")) as many:
        many.publish_all(Alert({"alertname": "A", "n": str(n)}) for n in range(1_200))
        many.resolve({"n": "7"})
    assert [i["fingerprint"] for i in wdh.json("list", "job=x")] == [oldest]
    assert len(wdh.json("list")) == 1_200
    held = wdh.json("silence", "add", "alertname=~A|RunFailed")
    assert held["open_incidents"] == 1_200
    assert [i["fingerprint"] for i in wdh.json("list", "--all", "job=x")] == [oldest]
    assert [i["status"] for i in wdh.json("list", "--all", "n=7")] == ["resolved"]
    assert len(wdh.json("list", "--all")) == 1_000


def test_show_has_the_texts_whole(wdh: Wdh) -> None:
    text = "[bold]no markup[/bold] " + "x" * 5_000
    fingerprint = wdh.out("send", "alertname=A", "job=a", "--summary", text).split()[1].rstrip(":")
    assert text in wdh.out("show", fingerprint[:6])
    assert wdh.json("show", fingerprint)["annotations"] == {"summary": text}


def test_ack_says_who_everywhere_and_can_be_taken_back(wdh: Wdh) -> None:
    fingerprint = wdh.fire()
    wdh.out("ack", fingerprint[:5], "--by", "anna", "--comment", "on it")
    assert wdh.json("show", fingerprint)["acknowledged"]["by"] == "anna"
    assert "acknowledged by anna" in wdh.out("list")
    assert "on it" in wdh.out("show", fingerprint)
    assert "anna" in wdh.out("history", fingerprint)
    wdh.out("ack", fingerprint, "--undo", "--by", "anna")
    assert wdh.json("list")[0]["acknowledged"] is None
    assert "is not acknowledged" in wdh.mistake("ack", fingerprint, "--undo")


def test_who_did_it_is_the_user_where_nobody_is_named(
    wdh: Wdh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "liu")
    assert wdh.json("ack", wdh.fire())[0]["acknowledged"]["by"] == "liu"


def test_resolve_closes_it_and_refuses_what_is_over(wdh: Wdh) -> None:
    fingerprint = wdh.fire()
    assert "resolved" in wdh.out("resolve", fingerprint)
    assert wdh.json("list") == []
    assert "is over already" in wdh.mistake("resolve", fingerprint)


def test_history_tells_what_happened_in_order(wdh: Wdh) -> None:
    fingerprint = wdh.fire()
    wdh.out("dispatch", "--once")
    wdh.out("ack", fingerprint, "--by", "anna")
    wdh.out("resolve", fingerprint, "--by", "anna")
    assert [entry["what"] for entry in wdh.json("history", fingerprint)] == [
        "fired",
        "open delivered",
        "open delivered",
        "acknowledged",
        "over",
        "resolved",
    ]
    assert "default log[0]" in wdh.out("history", fingerprint)


def test_a_silence_holds_back_until_it_is_expired(wdh: Wdh) -> None:
    wdh.fire()
    wdh.fire(job="other")
    added = wdh.json("silence", "add", "RunFailed", "job=daily", "--for", "2h", "--by", "anna")
    assert added["open_incidents"] == 1
    assert added["matchers"] == ['alertname="RunFailed"', 'job="daily"']
    length = datetime.fromisoformat(added["ends_at"]) - datetime.fromisoformat(added["starts_at"])
    assert length == timedelta(hours=2)
    wdh.out("dispatch", "--once")
    fingerprint = wdh.json("list", "job=daily")[0]["fingerprint"]
    assert "silenced" in wdh.out("list", "job=daily")
    assert f"silence {added['id']}" in wdh.out("explain", fingerprint)
    assert "told; what" in wdh.out("explain", wdh.json("list", "job=other")[0]["fingerprint"])
    (listed,) = wdh.json("silence", "list")
    assert (listed["state"], listed["created_by"]) == ("active", "anna")
    assert added["id"] in wdh.out("silence", "expire", added["id"][:4])
    assert wdh.json("silence", "list") == []
    assert wdh.json("silence", "list", "--all")[0]["state"] == "expired"


def test_a_silence_can_be_for_one_incident_and_for_later(wdh: Wdh) -> None:
    fingerprint = wdh.fire(partition="2024-11")
    wdh.fire(partition="2024-12")
    start = datetime.now().astimezone() + timedelta(days=1)
    added = wdh.json(
        *("silence", "add", "--incident", fingerprint[:6], "--start", start.isoformat())
    )
    assert added["open_incidents"] == 1
    assert 'partition="2024-11"' in added["matchers"]
    assert "severity" not in "".join(added["matchers"])
    assert wdh.json("silence", "list")[0]["state"] == "pending"


def test_a_time_without_zone_is_shanghais(wdh: Wdh) -> None:
    added = wdh.json("silence", "add", "job=a", "--end", "2124-11-05T09:00")
    assert datetime.fromisoformat(added["ends_at"]).isoformat() == "2124-11-05T09:00:00+08:00"
    assert "2124-11-05 09:00:00" in wdh.out("silence", "list")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["silence", "add"], "give matchers"),
        (["silence", "add", "job=a", "--incident", "0"], "give matchers"),
        (["silence", "add", "job=~("], "is no regular expression"),
        (["silence", "add", "RunFailed", "job"], "is not a matcher"),
        (["silence", "add", "job=~.*"], "takes every alert"),
        (["silence", "add", "job=a", "--for", "tomorrow"], "is not a duration"),
        (["silence", "add", "job=a", "--for", "0s"], "is over already"),
        (["silence", "add", "job=a", "--for", "290y", "--start", "9900-01-01"], "longer than"),
        (["silence", "add", "job=a", "--end", "9999-12-31T23:59-12:00"], "is no time"),
        (["silence", "add", "job=a", "--start", "0001-01-01"], "is no time"),
        (["silence", "add", "job=a", "--end", "soon"], "is no time"),
        (["silence", "add", "job=a", "--end", "2001-01-01"], "is over already"),
        (["silence", "add", "--incident", "0123"], "no incident is called 0123"),
        (["silence", "expire", "0123"], "no silence is called 0123"),
        (["show", "0123"], "no incident is called 0123"),
        (["show", "zzz"], "hexadecimal"),
        (["history", "0123"], "no incident is called 0123"),
        (["ack", "0123"], "no incident is called 0123"),
        (["resolve", "0123"], "no incident is called 0123"),
        (["explain", "run_failed:1"], "no event and no incident is called run_failed:1"),
        (["dead-letters", "replay"], "give the numbers"),
        (["dead-letters", "replay", "1", "--all"], "give the numbers"),
        (["dead-letters", "drop", "7"], "no dead letter is called 7"),
        (["list", "job=~("], "is no regular expression"),
        (["send", "job=a"], "alertname"),
        (["test", "nobody"], "default"),
    ],
)
def test_a_mistake_is_one_sentence(wdh: Wdh, arguments: list[str], said: str) -> None:
    wdh.out("send", "alertname=Other", "job=x")
    if "0123" in arguments and wdh.json("list")[0]["fingerprint"].startswith("0123"):
        pytest.skip("it is there")
    assert said in wdh.mistake(*arguments)


def test_what_is_done_by_hand_needs_no_sound_alerts_yml(wdh: Wdh, tmp_path: Path) -> None:
    fingerprint = wdh.fire()
    (tmp_path / "alerts.yml").write_text("route: nonsense\n")
    wdh.out("ack", fingerprint)
    wdh.out("silence", "add", "job=daily")
    assert len(wdh.json("list")) == 1
    assert "alerts.yml:1" in wdh("explain", fingerprint)[2]


def test_explain_takes_an_abbreviation_and_gives_a_document(wdh: Wdh) -> None:
    fingerprint = wdh.fire()
    wdh.out("dispatch", "--once")
    why = wdh.json("explain", fingerprint[:6])
    assert why["fingerprint"] == fingerprint
    assert all("told; what it heard last" in line for line in why["verdict"])
    assert {"at", "where", "text"} == set(why["steps"][0])


def test_dead_letters_are_listed_replayed_and_dropped(wdh: Wdh, tmp_path: Path) -> None:
    (tmp_path / "alerts.yml").write_text(
        "route: {receiver: team, group_by: [job], group_wait: 0s}\n"
        "receivers: [{name: team, webhook_configs: [{url: 'http://127.0.0.1:1/x'}]}]\n"
    )
    from work_data_hub.alerting.errors import DeliveryError, Reason
    from work_data_hub.alerting.sinks.webhook.sink import WebhookSink

    def refuse(*_: Any, **__: Any) -> None:
        raise DeliveryError(Reason.REJECTED, "it is refused")

    wdh.fire()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WebhookSink, "deliver", refuse)
        wdh.out("dispatch", "--once")
        letter, *_ = wdh.json("dead-letters", "list")
        assert (letter["integration"], letter["reason"]) == ("webhook[0]", "rejected")
        assert letter["notification"]["incidents"][0]["labels"]["job"] == "daily"
        assert "it is refused" in wdh.out("dead-letters", "list")
        assert "is told again" in wdh.out("dead-letters", "replay", str(letter["id"]))
        wdh.out("dispatch", "--once")
        letter, *_ = wdh.json("dead-letters", "list")
        (replayed,) = wdh.json("dead-letters", "replay", str(letter["id"]))
        assert replayed == letter
        assert letter["id"] not in [one["id"] for one in wdh.json("dead-letters", "list")]
        wdh.out("dispatch", "--once")
    assert [one["id"] for one in wdh.json("dead-letters", "drop", "--all")]
    assert "there are no dead letters" in wdh.out("dead-letters", "drop", "--all")


def test_asking_about_nothing_makes_no_store(wdh: Wdh, tmp_path: Path) -> None:
    assert wdh.json("list") == []
    assert wdh.json("silence", "list") == []
    assert wdh.json("dead-letters", "list") == []
    assert "nothing has been published yet" in wdh.mistake("show", "0")
    assert not (tmp_path / ".wdh").exists()


def test_the_command_in_a_message_silences_what_it_is_about(wdh: Wdh) -> None:
    import shlex

    from work_data_hub.alerting.render import silence_command
    from work_data_hub.alerting.testing import sample_incident

    for labels in ({"job": 'it\'s "daily" $HOME'}, {"job": "a & b"}, {"job": "x" * 500}):
        incident = sample_incident(labels=labels)
        pairs = [f"{name}={value}" for name, value in incident.labels.items()]
        wdh.out("send", *pairs)
        words = shlex.split(silence_command(incident))
        assert words[:2] == ["wdh", "alerts"]
        assert len(silence_command(incident)) < 300
        assert wdh.json(*words[2:])["open_incidents"] == 1


class Dispatching:
    """`wdh alerts dispatch` in a process of its own, and what it writes."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        self._env = {"PATH": os.environ["PATH"], "HOME": str(folder)}
        self._wdh = [sys.executable, "-m", "work_data_hub.cli", "alerts"]
        self.process = subprocess.Popen(
            [*self._wdh, "dispatch", *options],
            cwd=folder,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def after_sending(self, name: str) -> str:
        """The line that it writes once it has told of an alert of this name."""
        send = [*self._wdh, "send", f"alertname={name}", "severity=critical"]
        subprocess.run(send, cwd=self._folder, env=self._env, check=True, capture_output=True)
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def test_a_dispatcher_runs_until_it_is_stopped(tmp_path: Path) -> None:
    with closing(Dispatching(tmp_path)) as dispatcher:
        assert "notification(s) taken" in dispatcher.after_sending("A")
        assert dispatcher.process.stderr is not None
        said = "".join(dispatcher.process.stderr.readline() for _ in range(4))
        assert "SLACK_BOT_TOKEN and SLACK_CHANNEL not set" in said
        dispatcher.process.send_signal(signal.SIGTERM)
        assert dispatcher.process.wait(timeout=20) == 0


def test_a_dispatcher_that_runs_on_writes_a_document_a_line(tmp_path: Path) -> None:
    with closing(Dispatching(tmp_path, "--json")) as dispatcher:
        for name in ("A", "B"):
            assert json.loads(dispatcher.after_sending(name))["told"] > 0


def test_a_dispatcher_outlives_a_store_that_is_locked(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "work_data_hub.cli", "alerts"]
    with Receiver() as receiver:
        env["ALERT_WEBHOOK_URL"] = receiver.address
        send = [*command, "send", "alertname=A", "severity=critical"]
        subprocess.run(send, cwd=tmp_path, env=env, check=True, capture_output=True)
        with closing(sqlite3.connect(tmp_path / ".wdh" / "alerts.db")) as other:
            other.execute("BEGIN IMMEDIATE")
            dispatcher = subprocess.Popen(
                [*command, "dispatch"], cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True
            )
            try:
                assert dispatcher.stderr is not None
                said = iter(dispatcher.stderr.readline, "")
                assert any("is locked" in line for line in said)
                time.sleep(3)  # longer than one statement waits
                assert dispatcher.poll() is None
                other.rollback()
                later = list(takewhile(lambda line: line != "wdh: the store is back\n", said))
                assert not any("is locked" in line for line in later), "it is said once"
                dispatcher.send_signal(signal.SIGTERM)
                assert dispatcher.wait(timeout=20) == 0
            finally:
                dispatcher.kill()
                dispatcher.communicate()
        assert len(receiver.taken) == 1


EVERY_COMMAND = (
    *(("send", "alertname=A", "job=a"), ("dispatch", "--once"), ("list",), ("explain", "zzz")),
    *(("silence", "add", "job=a"), ("silence", "list"), ("dead-letters", "list")),
    *(("routes", "show"), ("check",), ("test", "default")),
)


@pytest.mark.parametrize(
    ("commands", "heavy"),
    [
        (EVERY_COMMAND, {"dagster", "polars"}),
        ([("check",)], {"dagster", "polars", "sqlalchemy", "requests"}),
    ],
    ids=["every", "check"],
)
def test_no_command_of_the_router_imports_dagster(
    tmp_path: Path, commands: Sequence[Sequence[str]], heavy: set[str]
) -> None:
    code = (
        "import sys; from work_data_hub.cli.main import main\n"
        f"for words in {commands!r}:\n"
        "    sys.argv = ['wdh', 'alerts', *words]\n"
        "    try: main()\n"
        "    except SystemExit: pass\n"
        f"print({heavy!r} & set(sys.modules))"
    )
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "set()"


def test_every_command_takes_json() -> None:
    def without(group: Any, prefix: str) -> Iterator[str]:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                yield from without(command, f"{prefix} {name}")
            elif not any("--json" in option.opts for option in command.params):
                yield f"{prefix} {name}"

    assert list(without(typer.main.get_command(alerts_app), "wdh alerts")) == []


def test_what_was_done_by_hand_is_a_document(wdh: Wdh) -> None:
    fingerprint = wdh.fire()
    (resolved,) = wdh.json("resolve", fingerprint)
    assert (resolved["fingerprint"], resolved["status"]) == (fingerprint, "resolved")
    silence = wdh.json("silence", "add", "job=daily")["id"]
    assert wdh.json("silence", "expire", silence[:6]) == [silence]


def test_every_command_has_a_document_for_machines(wdh: Wdh) -> None:
    labels = ("alertname=A", "severity=critical")
    sent = wdh.json("send", *labels)
    assert sent["outcome"] == "opened"
    assert wdh.json("list")[0]["fingerprint"] == sent["fingerprint"]
    assert wdh.json("test", "log") == [
        {"integration": "log[0]", "answer": "taken"},
        {"integration": "prometheus[0]", "answer": "taken"},
    ]
    assert wdh.json("send", *labels, "--resolved") == {"closed": 1}
    assert wdh.json("dispatch", "--once")["told"] > 0


def test_of_nothing_it_says_that_there_is_none(wdh: Wdh) -> None:
    wdh.fire()
    assert wdh.out("list", "job=other").strip() == "Open incidents: none"
    assert wdh.out("dead-letters", "list").strip() == "Dead letters: none"
    assert wdh.out("silence", "list").strip() == "Silences: none"


def test_a_time_in_a_document_is_iso_8601(wdh: Wdh) -> None:
    wdh.fire()
    (incident,) = wdh.json("list")
    assert datetime.fromisoformat(incident["started_at"]).isoformat() == incident["started_at"]


def test_explain_says_what_happened_and_below_it_how_things_are(wdh: Wdh) -> None:
    fingerprint = wdh.fire()
    wdh("dispatch", "--once")
    out = wdh.out("explain", fingerprint)
    table, _, now = out.rpartition("┘")
    assert "it fired, severity critical" in table
    assert "default log[0]: told; what it heard last is that it fires" in now.splitlines()
    assert len(set(now.splitlines())) == len(now.splitlines()), "nothing is said twice"
    wdh.out("resolve", fingerprint)
    assert "default log[0]: told; not yet that it is over" in wdh.out("explain", fingerprint)


def test_a_template_that_fails_fails_the_test_of_its_receiver(wdh: Wdh, tmp_path: Path) -> None:
    with SlackServer(channels=["alerts"]) as slack:
        entry = {"app_token": slack.token, "app_url": slack.app_url, "channel": "#alerts"}
        entry["title"] = "{{ incidents[0].labels.job + 1 }}"
        receivers = [{"name": "chat", "slack_configs": [entry]}]
        config = json.dumps({"route": {"receiver": "chat"}, "receivers": receivers})
        (tmp_path / "alerts.yml").write_text(config, encoding="utf-8")
        code, out, _ = wdh("test", "chat", "--json")
    assert code == 1
    (answer,) = json.loads(out[out.index("[") :])
    assert answer["answer"].startswith("taken, but 1 of its templates failed and our text was sent")
    assert "Test" in slack.messages[0].text


def test_a_plug_in_that_breaks_is_told_without_its_secrets_and_the_others_are_tried(
    wdh: Wdh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(RecordingSink):
        def deliver(self, notification: Notification, *, deadline: Deadline) -> Receipt:
            raise KeyError("password=pl4nted-password")

    broken = Kind("broken", SinkConfig, lambda config, *, redact, http: Broken())
    monkeypatch.setattr(catalog, "kinds", lambda: {**catalog.built_in(), "broken": broken})
    (tmp_path / "alerts.yml").write_text(
        "route: {receiver: pager}\n"
        "receivers: [{name: pager, broken_configs: [{}], log_configs: [{}]}]\n",
        encoding="utf-8",
    )
    code, out, err = wdh("test", "pager", "--json")
    assert code == 1
    answers = {a["integration"]: a["answer"] for a in json.loads(out[out.index("[\n") :])}
    assert answers == {
        "broken[0]": "internal: KeyError: 'password=[redacted]'",
        "log[0]": "taken",
    }
    assert "Traceback" not in err


def test_a_receiver_none_of_which_is_on_fails_its_test(wdh: Wdh, tmp_path: Path) -> None:
    (tmp_path / "alerts.yml").write_text(
        "route: {receiver: hook}\n"
        "receivers: [{name: hook, webhook_configs: [{url: '${NO_HOOK:-}'}]}]\n",
        encoding="utf-8",
    )
    code, out, _ = wdh("test", "hook")
    assert code == 1
    assert "off: NO_HOOK not set" in out
