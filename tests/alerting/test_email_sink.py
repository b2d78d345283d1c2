"""E-mail over a real SMTP server: who gets it, on what terms, and what each refusal means."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mail_server import PASSWORD, USER, MailServer, saying

from work_data_hub.alerting.errors import DeliveryError, Reason
from work_data_hub.alerting.redact import Redactor
from work_data_hub.alerting.sink import Deadline, NoticeCause, Notification, Purpose, Receipt
from work_data_hub.alerting.sinks.email import EmailConfig, build
from work_data_hub.alerting.sinks.email.sink import EmailSink
from work_data_hub.alerting.testing import Fault, resolved, sample_notification

ANN, BOB, CID = "ann@example.org", "bob@example.org", "cid@example.org"


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer(starttls=False) as server:
        yield server


@pytest.fixture
def tls_server() -> Iterator[MailServer]:
    with MailServer(log_in=True) as server:
        yield server


def config_for(smarthost: str, **more: Any) -> EmailConfig:
    given = {"to": ANN, "from": "wdh@example.org", "smarthost": smarthost, "require_tls": False}
    return EmailConfig.model_validate(given | more)


def sink_for(server: MailServer, **more: Any) -> EmailSink:
    sink = build(config_for(server.smarthost, **more), redact=Redactor(), http=None)
    assert isinstance(sink, EmailSink)
    return sink


def deliver(sink: EmailSink, notification: Notification, within_s: float = 5) -> Receipt:
    return sink.deliver(notification, deadline=Deadline(within_s))


def failure(
    sink: EmailSink, notification: Notification | None = None, within_s: float = 5
) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        deliver(sink, notification or sample_notification(), within_s)
    return caught.value


def test_a_relay_without_login_takes_it(server: MailServer) -> None:
    deliver(sink_for(server), sample_notification())
    (mail,) = server.mails
    assert mail.recipients == (ANN,)
    assert mail["Subject"].startswith("🔴 Run failed")
    assert mail["From"] == "wdh@example.org"
    assert mail["To"] == ANN
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Importance"] == "high"
    assert "AUTH" not in server.verbs


def test_it_says_the_same_in_text_and_in_html(server: MailServer) -> None:
    deliver(sink_for(server), sample_notification())
    (mail,) = server.mails
    for part in (mail.text, mail.html):
        assert "the warehouse refused the connection" in part
        assert "http://127.0.0.1:3000/runs/0d6c1a52" in part
        assert "load_op failed" in part
    assert mail.message.get_content_type() == "multipart/alternative"


def test_markup_in_an_alert_is_text(server: MailServer) -> None:
    notification = sample_notification()
    incident = replace(
        notification.incidents[0],
        annotations={"summary": "<script>alert(1)</script>", "error": '"><img src=x onerror=y>'},
        labels={"alertname": "Run<b>", "job": "a&b", "severity": "critical"},
    )
    deliver(sink_for(server), replace(notification, incidents=(incident,)))
    html = server.mails[0].html
    assert "<script>" not in html
    assert "<img" not in html
    ours = html.replace("<b>Error</b>", "").replace("<b>To silence it</b>", "")
    assert "<b>" not in ours
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_a_chinese_subject_arrives_whole(server: MailServer) -> None:
    notification = replace(sample_notification(language="zh"), receiver="值班")
    incident = replace(
        notification.incidents[0], annotations={"summary": "受托业绩入库失败：仓库拒绝连接，" * 8}
    )
    deliver(
        sink_for(server, to='"张伟" <ann@example.org>'),
        replace(notification, incidents=(incident,)),
    )
    (mail,) = server.mails
    assert mail["Subject"].startswith("🔴 运行失败 · trustee_performance_multi_file_job")
    assert "受托业绩入库失败：仓库拒绝连接，受托业绩" in mail["Subject"]
    assert mail["To"] == "张伟 <ann@example.org>"
    assert "运行失败" in mail.text


@pytest.mark.parametrize("evil", ["\r\nBcc: eve@example.org", "\nBcc: eve@example.org", "\rX: y"])
def test_no_text_of_an_alert_makes_a_header(server: MailServer, evil: str) -> None:
    notification = sample_notification()
    incident = replace(
        notification.incidents[0],
        labels={"alertname": f"RunFailed{evil}", "job": f"daily{evil}", "severity": "critical"},
        annotations={"summary": f"boom{evil}", "error": f"\r\n.\r\nMAIL FROM:<eve@x>{evil}"},
    )
    evil_one = replace(notification, incidents=(incident,), key=f"key{evil}")
    deliver(sink_for(server), evil_one)
    (mail,) = server.mails
    assert mail.recipients == (ANN,)
    assert mail.message["Bcc"] is None
    assert mail.message["X"] is None
    assert "MAIL FROM:<eve@x>" in mail.text
    assert server.verbs.count("MAIL") == 1


def test_a_line_that_is_a_dot_does_not_end_the_mail(server: MailServer) -> None:
    notification = sample_notification()
    text = "first\n.\n..\n.hidden\nlast"
    incident = replace(notification.incidents[0], annotations={"error": text})
    deliver(sink_for(server), replace(notification, incidents=(incident,)))
    assert text in server.mails[0].text


class TestThread:
    def test_an_episode_is_one_thread(self, server: MailServer) -> None:
        sink = sink_for(server)
        opened = sample_notification()
        receipt = deliver(sink, opened)
        notice = replace(
            opened,
            key="n",
            purpose=Purpose.NOTICE,
            causes=(NoticeCause.REMINDER,),
            previous=receipt,
        )
        later = deliver(sink, notice)
        deliver(sink, resolved(opened, later))
        first, second, third = server.mails
        assert first.message["References"] is None
        for follower in (second, third):
            assert follower["In-Reply-To"] == follower["References"] == first["Message-ID"]
        assert len({mail["Message-ID"] for mail in server.mails}) == 3
        assert third["Subject"].startswith("✅ Resolved")

    def test_it_goes_on_after_a_restart(self, server: MailServer) -> None:
        receipt = deliver(sink_for(server), sample_notification())
        stored = Receipt(dict(receipt.values))
        deliver(sink_for(server), resolved(sample_notification(), stored))
        assert server.mails[1]["References"] == server.mails[0]["Message-ID"]

    def test_another_episode_is_another_thread(self, server: MailServer) -> None:
        deliver(sink_for(server), sample_notification())
        deliver(sink_for(server), replace(sample_notification(), key="another"))
        assert server.mails[0]["Message-ID"] != server.mails[1]["Message-ID"]
        assert server.mails[1].message["References"] is None

    def test_a_repeated_attempt_is_the_same_mail_to_its_readers(self, server: MailServer) -> None:
        server.say("DATA", Fault.DROP_TAKEN)
        sink = sink_for(server)
        assert failure(sink).reason is Reason.DROPPED
        deliver(sink, sample_notification())
        assert server.mails[0]["Message-ID"] == server.mails[1]["Message-ID"]


class TestTls:
    def test_starttls_comes_before_login_and_mail(
        self, tls_server: MailServer, tmp_path: Path
    ) -> None:
        sink = sink_for(
            tls_server,
            require_tls=True,
            auth_username=USER,
            auth_password=PASSWORD,
            tls_config={"ca_file": tls_server.ca_file(tmp_path)},
        )
        deliver(sink, sample_notification())
        (mail,) = tls_server.mails
        assert (mail.encrypted, mail.user) == (True, USER)
        assert tls_server.logins == [("LOGIN", USER.encode())]
        assert tls_server.verbs[:2] == ["EHLO localhost", "EHLO localhost"]

    def test_tls_from_the_first_byte(self, tmp_path: Path) -> None:
        with MailServer(implicit_tls=True, starttls=False) as server:
            tls = {"ca_file": server.ca_file(tmp_path)}
            sink = sink_for(server, require_tls=True, force_implicit_tls=True, tls_config=tls)
            deliver(sink, sample_notification())
            assert len(server.mails) == 1

    def test_port_465_is_tls_from_the_first_byte(self) -> None:
        assert config_for("mail.example.org:465").implicit_tls
        assert not config_for("mail.example.org:587").implicit_tls
        assert not config_for("mail.example.org:465", force_implicit_tls=False).implicit_tls

    def test_a_server_without_starttls_gets_no_mail(self, server: MailServer) -> None:
        error = failure(sink_for(server, require_tls=True))
        assert error.reason is Reason.MISCONFIGURED
        assert "STARTTLS" in error.detail
        assert server.mails == []
        assert "MAIL" not in server.verbs

    def test_a_certificate_that_nobody_vouches_for_is_refused(self, tls_server: MailServer) -> None:
        error = failure(sink_for(tls_server, require_tls=True))
        assert error.reason is Reason.UNAVAILABLE
        assert "certificate is not valid" in error.detail
        assert tls_server.mails == []

    def test_a_certificate_of_another_name_is_refused(self, tmp_path: Path) -> None:
        with MailServer(names=("other.example.org",)) as server:
            tls = {"ca_file": server.ca_file(tmp_path)}
            error = failure(sink_for(server, require_tls=True, tls_config=tls))
            assert "certificate is not valid" in error.detail
            assert server.mails == []

    def test_a_certificate_must_name_the_host_that_was_written(
        self, tls_server: MailServer, tmp_path: Path
    ) -> None:
        """The certificate is for `localhost`."""
        address = tls_server.smarthost.replace("localhost", "127.0.0.1")
        tls = {"ca_file": tls_server.ca_file(tmp_path)}
        config = config_for(address, require_tls=True, tls_config=tls)
        assert "certificate is not valid" in failure(EmailSink(config, Redactor())).detail

    def test_an_implicit_certificate_that_nobody_vouches_for_is_refused(self) -> None:
        with MailServer(implicit_tls=True, starttls=False) as server:
            assert "certificate" in failure(sink_for(server, force_implicit_tls=True)).detail

    def test_a_server_that_puts_tls_off_is_asked_again_later(self) -> None:
        with saying(b"220 hello\r\n", b"250-hi\r\n250 STARTTLS\r\n", b"454 not now\r\n") as host:
            error = failure(EmailSink(config_for(host, require_tls=True), Redactor()))
            assert error.reason is Reason.UNAVAILABLE

    def test_what_was_slipped_in_before_tls_is_not_believed(
        self, tls_server: MailServer, tmp_path: Path
    ) -> None:
        """A man in the middle adds `250 AUTH PLAIN` behind the 220; the handshake drops it."""
        said = (b"220 hi\r\n", b"250-hi\r\n250 STARTTLS\r\n", b"220 go\r\n250 AUTH PLAIN\r\n")
        with saying(*said) as host:
            error = failure(EmailSink(config_for(host, require_tls=True), Redactor()), within_s=1)
            assert error.reason is Reason.UNAVAILABLE


class TestLogin:
    @pytest.fixture
    def log_in_server(self) -> Iterator[MailServer]:
        with MailServer(starttls=False, log_in=True) as server:
            yield server

    def test_a_wrong_password_parks_the_sink(self, log_in_server: MailServer) -> None:
        error = failure(sink_for(log_in_server, auth_username=USER, auth_password="wrong-one"))
        assert error.reason is Reason.UNAUTHORIZED
        assert error.reason.parks
        assert "535" in error.detail
        assert "wrong-one" not in str(error)

    def test_a_password_can_stand_in_a_file(
        self, log_in_server: MailServer, tmp_path: Path
    ) -> None:
        path = tmp_path / "password"
        path.write_text(f"{PASSWORD}\n")
        deliver(
            sink_for(log_in_server, auth_username=USER, auth_password_file=str(path)),
            sample_notification(),
        )
        assert log_in_server.mails[0].user == USER

    def test_an_identity_goes_with_plain(self) -> None:
        said = (b"220 hi\r\n", b"250-hi\r\n250 AUTH PLAIN\r\n", b"235 welcome\r\n", b"450 no\r\n")
        with saying(*said) as host:
            config = config_for(
                host, auth_username=USER, auth_password=PASSWORD, auth_identity="team"
            )
            error = failure(EmailSink(config, Redactor()))
            assert error.detail.startswith("MAIL FROM"), "it is logged in"

    def test_a_secret_is_for_cram_md5(self) -> None:
        challenge = b"334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n"
        said = (b"220 hi\r\n", b"250-hi\r\n250 AUTH CRAM-MD5 PLAIN\r\n", challenge)
        with saying(*said, b"235 welcome\r\n", b"450 no\r\n") as host:
            config = config_for(host, auth_username=USER, auth_secret="a-shared-secret")
            assert failure(EmailSink(config, Redactor())).detail.startswith("MAIL FROM")

    def test_a_server_that_offers_no_login_gets_no_mail(self, server: MailServer) -> None:
        with saying(b"220 hi\r\n", b"250 hi\r\n") as host:
            config = config_for(host, auth_username=USER, auth_password=PASSWORD)
            error = failure(EmailSink(config, Redactor()))
        assert error.reason is Reason.MISCONFIGURED
        assert "offers no login" in error.detail

    def test_a_password_never_goes_over_a_network_in_the_clear(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with saying(b"220 hi\r\n", b"250-hi\r\n250 AUTH PLAIN\r\n", b"235 thanks\r\n") as host:
            far = host.replace("127.0.0.1", "mail.example.org")
            monkeypatch.setattr(
                "work_data_hub.alerting.dialing.socket.getaddrinfo",
                lambda _h, port, *_: [(2, 1, 6, "", ("127.0.0.1", port))],
            )
            config = config_for(far, auth_username=USER, auth_password=PASSWORD)
            error = failure(EmailSink(config, Redactor()))
        assert error.reason is Reason.MISCONFIGURED
        assert "unencrypted" in error.detail

    @pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
    def test_a_server_that_wants_a_login_after_all_parks_the_sink(
        self, server: MailServer, verb: str
    ) -> None:
        server.say(verb, "530 5.7.0 Authentication required")
        assert failure(sink_for(server)).reason is Reason.UNAUTHORIZED


class TestReplies:
    @pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
    @pytest.mark.parametrize(
        ("said", "reason"),
        [
            ("421 4.3.2 closing", Reason.UNAVAILABLE),
            ("450 4.2.1 mailbox busy", Reason.UNAVAILABLE),
            ("451 4.7.1 greylisted", Reason.UNAVAILABLE),
            ("452 4.2.2 full", Reason.UNAVAILABLE),
            ("550 5.1.1 no such user", Reason.REJECTED),
            ("553 5.1.3 bad address", Reason.REJECTED),
            ("554 5.7.1 spam", Reason.REJECTED),
        ],
    )
    def test_a_reply_tells_whether_to_try_again(
        self, server: MailServer, verb: str, said: str, reason: Reason
    ) -> None:
        server.say(verb, said)
        sink = sink_for(server)
        error = failure(sink)
        assert error.reason is reason
        assert said in error.detail
        assert error.receipt is None
        deliver(sink, sample_notification())
        assert len(server.mails) == 1

    @pytest.mark.parametrize(
        ("greeting", "reason"),
        [
            (b"421 too busy\r\n", Reason.UNAVAILABLE),
            (b"554 no mail from you\r\n", Reason.MISCONFIGURED),
            (b"HTTP/1.1 400 Bad Request\r\n", Reason.MISCONFIGURED),
        ],
    )
    def test_a_greeting_that_is_none(self, greeting: bytes, reason: Reason) -> None:
        with saying(greeting) as host:
            assert failure(EmailSink(config_for(host), Redactor())).reason is reason

    def test_an_old_server_without_ehlo_takes_it_too(self) -> None:
        answers = (b"220 hi\r\n", b"502 what?\r\n", b"250 hi\r\n", b"250 ok\r\n", b"550 no\r\n")
        with saying(*answers) as host:
            assert failure(EmailSink(config_for(host), Redactor())).reason is Reason.REJECTED

    def test_no_address_shows_in_an_error(self, server: MailServer) -> None:
        server.refuse[ANN] = f"550 5.1.1 <{ANN}>: Recipient address rejected"
        error = failure(sink_for(server))
        assert ANN not in str(error)
        assert "550 5.1.1 <[address]>: Recipient address rejected" in error.detail


class TestRecipients:
    def sink(self, server: MailServer) -> EmailSink:
        return sink_for(server, to=f"{ANN}, Bob <{BOB}>, {CID}")

    def test_all_get_one_mail_and_see_each_other(self, server: MailServer) -> None:
        receipt = deliver(self.sink(server), sample_notification())
        (mail,) = server.mails
        assert mail.recipients == (ANN, BOB, CID)
        assert mail["To"] == f"{ANN}, Bob <{BOB}>, {CID}"
        assert set(receipt.values) == {"thread"}

    def test_one_that_is_put_off_is_tried_again_by_itself(self, server: MailServer) -> None:
        sink = self.sink(server)
        server.refuse[BOB] = "450 4.2.0 greylisted"
        error = failure(sink)
        assert error.reason is Reason.UNAVAILABLE
        assert error.detail == "2 of 3 have it; recipient 2: 450 4.2.0 greylisted"
        assert error.receipt is not None
        del server.refuse[BOB]
        again = replace(sample_notification(), previous=Receipt(dict(error.receipt.values)))
        receipt = deliver(sink, again)
        assert [mail.recipients for mail in server.mails] == [(ANN, CID), (BOB,)]
        assert server.mails[0]["Message-ID"] == server.mails[1]["Message-ID"]
        assert receipt.values == {"thread": server.mails[0]["Message-ID"]}

    def test_one_that_is_refused_for_good_is_a_dead_letter_the_others_have(
        self, server: MailServer
    ) -> None:
        server.refuse[BOB] = "550 5.1.1 no such user"
        error = failure(self.sink(server))
        assert error.reason is Reason.REJECTED
        assert error.detail == "2 of 3 have it; recipient 2: 550 5.1.1 no such user"
        assert server.mails[0].recipients == (ANN, CID)

    def test_one_refused_for_good_is_told_of_when_the_last_one_has_it(
        self, server: MailServer
    ) -> None:
        sink = self.sink(server)
        server.refuse = {BOB: "550 5.1.1 no such user", CID: "451 4.7.1 later"}
        first = failure(sink)
        assert first.reason is Reason.UNAVAILABLE
        assert first.receipt is not None
        server.refuse = {}
        again = replace(sample_notification(), previous=first.receipt, attempt=2)
        last = failure(sink, again)
        assert last.reason is Reason.REJECTED
        assert last.detail == "2 of 3 have it; recipient 2: refused before"
        assert [mail.recipients for mail in server.mails] == [(ANN,), (CID,)]

    def test_a_replay_asks_again_for_one_refused_for_good(self, server: MailServer) -> None:
        sink = self.sink(server)
        server.refuse = {BOB: "550 5.1.1 no such user"}
        letter = failure(sink)
        server.refuse = {}
        deliver(sink, replace(sample_notification(), previous=letter.receipt, attempt=1))
        assert [mail.recipients for mail in server.mails] == [(ANN, CID), (BOB,)]

    def test_what_is_new_meanwhile_goes_to_everybody(self, server: MailServer) -> None:
        sink = self.sink(server)
        server.refuse[BOB] = "450 4.2.0 greylisted"
        error = failure(sink)
        server.refuse = {}
        news = replace(sample_notification(), key="other content", previous=error.receipt)
        deliver(sink, news)
        assert server.mails[1].recipients == (ANN, BOB, CID)
        assert server.mails[1]["References"] == server.mails[0]["Message-ID"]

    def test_a_receipt_names_nobody(self, server: MailServer) -> None:
        server.refuse = {BOB: "550 5.1.1 no such user"}
        error = failure(self.sink(server))
        assert error.receipt is not None
        assert not [a for a in (ANN, BOB, CID) if a in repr(error.receipt)]

    def test_a_full_mailbox_may_be_empty_tomorrow(self, server: MailServer) -> None:
        server.refuse[ANN] = "552 5.2.2 mailbox full"
        assert failure(self.sink(server)).reason is Reason.UNAVAILABLE
        server.refuse = {}
        server.say("DATA", "552 5.3.4 too big for us")
        assert failure(self.sink(server)).reason is Reason.REJECTED

    def test_all_refused_is_nobody_told(self, server: MailServer) -> None:
        server.refuse = dict.fromkeys((ANN, BOB, CID), "550 5.1.1 no such user")
        error = failure(self.sink(server))
        assert error.reason is Reason.REJECTED
        assert error.receipt is None
        assert "DATA" not in server.verbs


class TestDeadline:
    @pytest.mark.parametrize("fault", [Fault.HANG, Fault.DRIP])
    @pytest.mark.parametrize(
        ("verb", "reason"),
        [("MAIL", Reason.UNAVAILABLE), ("RCPT", Reason.UNAVAILABLE), ("DATA", Reason.TIMEOUT)],
    )
    def test_a_server_that_dawdles_is_cut(
        self, server: MailServer, verb: str, reason: Reason, fault: Fault
    ) -> None:
        server.say(verb, fault)
        began = time.monotonic()
        assert failure(sink_for(server), within_s=0.7).reason is reason
        assert time.monotonic() - began < 1.7

    def test_a_greeting_that_drips_is_cut(self) -> None:
        with saying(b"220 " + b"a" * 100, drip_s=0.2) as host:
            began = time.monotonic()
            error = failure(EmailSink(config_for(host), Redactor()), within_s=0.7)
            assert error.reason is Reason.UNAVAILABLE
            assert time.monotonic() - began < 1.7

    def test_a_handshake_that_never_comes_is_cut(self) -> None:
        with saying(b"220 hi\r\n", b"250-hi\r\n250 STARTTLS\r\n", b"220 go\r\n") as host:
            error = failure(EmailSink(config_for(host, require_tls=True), Redactor()), within_s=0.5)
            assert error.reason is Reason.UNAVAILABLE

    def test_a_server_that_does_not_stop_talking_is_cut(self) -> None:
        with saying((b"220-" + b"a" * 1_000 + b"\r\n") * 2_000) as host:
            error = failure(EmailSink(config_for(host), Redactor()))
            assert error.reason is Reason.UNAVAILABLE
            assert error.detail == "nothing was sent: the connection was lost"

    def test_a_deadline_that_has_passed_sends_nothing(self, server: MailServer) -> None:
        assert failure(sink_for(server), within_s=0).reason is Reason.UNAVAILABLE
        assert server.verbs == []

    @pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
    def test_a_connection_lost_before_the_mail_told_nobody(
        self, server: MailServer, verb: str
    ) -> None:
        server.say(verb, Fault.DROP)
        assert failure(sink_for(server)).reason is Reason.UNAVAILABLE

    def test_a_connection_lost_after_the_mail_is_ambiguous(self, server: MailServer) -> None:
        server.say("DATA", Fault.DROP_TAKEN)
        error = failure(sink_for(server))
        assert error.reason is Reason.DROPPED
        assert error.reason.ambiguous
        assert len(server.mails) == 1

    def test_nobody_listening_is_no_mystery(self) -> None:
        error = failure(EmailSink(config_for("127.0.0.1:1"), Redactor()))
        assert (error.reason, error.detail) == (
            Reason.UNAVAILABLE,
            "the connection was refused",
        )

    def test_a_name_that_is_none_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def nobody(*_: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "mail.invalid: Name or service not known")

        monkeypatch.setattr("work_data_hub.alerting.dialing.socket.getaddrinfo", nobody)
        error = failure(EmailSink(config_for("mail.invalid:25"), Redactor()))
        assert (error.reason, error.detail) == (
            Reason.UNAVAILABLE,
            "the host name cannot be resolved",
        )


def test_headers_of_the_configuration_are_added_or_take_the_place_of_ours(
    server: MailServer,
) -> None:
    headers = {"Reply-To": "team@example.org", "subject": "[值班] wdh", "To": "team@example.org"}
    deliver(sink_for(server, headers=headers), sample_notification())
    (mail,) = server.mails
    assert mail["Reply-To"] == "team@example.org"
    assert mail.message.get_all("Subject") == ["[值班] wdh"]
    assert mail["To"] == "team@example.org"
    assert mail.recipients == (ANN,)


def test_a_go_template_is_replaced_by_ours(server: MailServer) -> None:
    config = config_for(
        server.smarthost,
        html='{{ template "email.default.html" . }}',
        headers={"Subject": "{{ .GroupLabels.job }}", "X-Team": "data"},
    )
    assert config.replaced() == ("html", "headers.Subject")
    deliver(EmailSink(config, Redactor()), sample_notification())
    (mail,) = server.mails
    assert mail["Subject"].startswith("🔴 Run failed")
    assert mail["X-Team"] == "data"
    assert "{{" not in mail.html
