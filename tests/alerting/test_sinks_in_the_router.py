"""What a sink gives back to the router: counts, whom it reached, that it is wanted no more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from mail_server import MailServer

from work_data_hub.alerting import AlertRouter
from work_data_hub.alerting.catalog import built_in
from work_data_hub.alerting.testing import Receiver, SlackServer

pytestmark = pytest.mark.both_databases

ONE = """
route: {{receiver: team, group_by: [job], group_wait: 0s, group_interval: 1m}}
receivers:
  - name: team
    {kind}_configs: [{entry}]
"""
A_MINUTE_S = 60


def router_of(scene: Any, kind: str, entry: str = "{}") -> AlertRouter:
    router = scene.router(ONE.format(kind=kind, entry=entry), kinds=built_in())
    assert isinstance(router, AlertRouter)
    return router


def tell(scene: Any, router: AlertRouter, after_s: float = 0) -> None:
    scene.clock.advance(after_s)
    router.dispatch()


def alerts_counted(router: AlertRouter) -> dict[str, int]:
    found = router.store.counters().items()
    return {c.label: n for c, n in found if (c.name, c.receiver) == ("alerts", "team")}


class TestCounter:
    FIRING = '["RunFailed", "critical", "firing"]'
    RESOLVED = '["RunFailed", "critical", "resolved"]'

    def test_every_process_adds_to_one_count(self, scene: Any, alert: Any) -> None:
        one, two = router_of(scene, "prometheus"), router_of(scene, "prometheus")
        for n in range(6):
            (one if n % 2 else two).publish(alert(job=f"job-{n}"))
        tell(scene, one)
        one.publish(alert(job="late"))
        tell(scene, two)
        two.resolve({"job": "late"})
        tell(scene, one, A_MINUTE_S)
        assert alerts_counted(two) == {self.FIRING: 7, self.RESOLVED: 1}

    def test_it_is_there_after_a_restart_and_goes_on(self, scene: Any, alert: Any) -> None:
        before = router_of(scene, "prometheus")
        before.publish(alert(partition="a"))
        tell(scene, before)
        before.close()
        after = router_of(scene, "prometheus")
        after.publish(alert(partition="b"))
        tell(scene, after, A_MINUTE_S)
        assert alerts_counted(after) == {self.FIRING: 2}, "the first one is not counted again"

    @pytest.mark.parametrize("later_s", [0, A_MINUTE_S], ids=["in time", "lease lost"])
    def test_a_count_that_could_not_be_recorded_is_counted_once_later(
        self, scene: Any, alert: Any, monkeypatch: pytest.MonkeyPatch, later_s: float
    ) -> None:
        router = router_of(scene, "prometheus")
        router.publish(alert())
        with monkeypatch.context() as patch:
            patch.setattr("work_data_hub.alerting.outcome.add", _out_of_order)
            with pytest.raises(ZeroDivisionError):
                router.dispatch()
        assert alerts_counted(router) == {}
        tell(scene, router, later_s)
        tell(scene, router, A_MINUTE_S)
        assert alerts_counted(router) == {self.FIRING: 1}


def _out_of_order(*_: object) -> None:
    raise ZeroDivisionError


class TestRecipients:
    @pytest.fixture
    def server(self) -> Iterator[MailServer]:
        with MailServer(starttls=False) as server:
            yield server

    def router(self, scene: Any, server: MailServer) -> AlertRouter:
        entry = (
            "{to: 'ann@example.org, bob@example.org', from: wdh@example.org,"
            f" smarthost: '{server.smarthost}', require_tls: false}}"
        )
        return router_of(scene, "email", entry)

    def test_whoever_has_it_does_not_get_it_again(
        self, scene: Any, alert: Any, server: MailServer
    ) -> None:
        router = self.router(scene, server)
        server.refuse["bob@example.org"] = "450 4.2.0 greylisted"
        router.publish(alert())
        tell(scene, router)
        router.close()
        server.refuse.clear()
        tell(scene, self.router(scene, server), A_MINUTE_S)
        first, second = server.mails
        assert (first.recipients, second.recipients) == (
            ("ann@example.org",),
            ("bob@example.org",),
        )
        assert first["Message-ID"] == second["Message-ID"]

    def test_one_that_is_refused_for_good_makes_a_dead_letter_and_the_thread_goes_on(
        self, scene: Any, alert: Any, server: MailServer
    ) -> None:
        router = self.router(scene, server)
        server.refuse["bob@example.org"] = "550 5.1.1 no such user"
        router.publish(alert())
        tell(scene, router)
        (letter,) = router.store.dead_letters()
        assert "recipient 2: 550 5.1.1 no such user" in letter.detail
        server.refuse.clear()
        router.resolve({"job": "daily", "alertname": "RunFailed"})
        tell(scene, router, A_MINUTE_S)
        about_the_run = [mail for mail in server.mails if "Run failed" in mail["Subject"]]
        opened, over = about_the_run
        assert opened.recipients == ("ann@example.org",)
        assert over.recipients == ("ann@example.org", "bob@example.org")
        assert over["References"] == opened["Message-ID"]


def test_a_webhook_that_is_gone_is_left_alone_until_its_entry_changes(
    scene: Any, alert: Any
) -> None:
    with Receiver() as server:
        router = router_of(scene, "webhook", f"{{url: '{server.address}/old'}}")
        server.answer(410)
        router.publish(alert())
        tell(scene, router)
        assert len(router.store.dead_letters()) == 1
        assert router.store.parked() == [("team", "webhook[0]")]
        router.publish(alert(job="another"))
        tell(scene, router, 30 * 86_400)
        assert len(server.requests) == 1
        router.close()
        changed = router_of(scene, "webhook", f"{{url: '{server.address}/new'}}")
        tell(scene, changed, A_MINUTE_S)
        told = {r.json["groupLabels"].get("job") for r in server.taken}
        assert "another" in told


class TestSlack:
    @pytest.fixture
    def slack(self, scene: Any) -> Iterator[SlackServer]:
        with SlackServer(clock=scene.clock.seconds) as server:
            yield server

    def router(self, scene: Any, slack: SlackServer) -> AlertRouter:
        entry = f"{{app_token: '{slack.token}', app_url: '{slack.app_url}', channel: '#alerts'}}"
        return router_of(scene, "slack", entry)

    def test_a_message_that_took_a_deleted_ones_place_is_known_after_a_restart(
        self, scene: Any, alert: Any, slack: SlackServer
    ) -> None:
        before = self.router(scene, slack)
        before.publish_all([alert(step="extract"), alert(step="load")])
        tell(scene, before)
        slack.delete(slack.messages[0])
        before.resolve({"step": "load"})  # an edit in silence
        tell(scene, before, A_MINUTE_S)
        (second,) = slack.messages
        before.close()
        after = self.router(scene, slack)
        after.resolve({"step": "extract"})
        tell(scene, after, A_MINUTE_S)
        assert slack.messages == [second]
        assert second.edited
        assert second.text.startswith("✅")
