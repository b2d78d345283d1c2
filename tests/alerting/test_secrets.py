"""Secrets planted in everything that is published: searched for in all that comes out."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from mail_server import PASSWORD, USER, MailServer
from prometheus_client import CollectorRegistry, generate_latest

from work_data_hub.alerting import Alert, AlertRouter
from work_data_hub.alerting.catalog import built_in
from work_data_hub.alerting.metrics import StoreCollector
from work_data_hub.alerting.store.tables import metadata
from work_data_hub.alerting.testing import Receiver, SlackServer

pytestmark = pytest.mark.both_databases

SIGNING = base64.b64encode(b"a signing secret of 32 characters").decode()
# By name of an environment variable.
ENVIRON = {
    "WAREHOUSE_PASSWORD": "wh-pa55-word-e1",
    "UPSTREAM_API_KEY": "up-k3y-value-e2",
    "VENDOR_TOKEN": "vendor-t0ken-e3",
    "SIGNING_SECRET": "sign-s3cret-e4",
}
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
PEM = """-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7planted
-----END PRIVATE KEY-----"""
# What an error text can quote, and what of it must be nowhere.
QUOTED = {
    "slack": ("xoxb-123456789012-123456789012-plantedplantedplanted", "plantedplantedplanted"),
    "bearer": ("Authorization: Bearer abcdef.planted.bearer", "abcdef.planted.bearer"),
    "jwt": (f"token was {JWT}", "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"),
    "pem": (PEM, "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7planted"),
    "aws": ("AKIAIOSFODNN7PLANTED", "AKIAIOSFODNN7PLANTED"),
    "userinfo": ("postgresql://wdh:us3rinfo-planted@db:5432/wh failed", "us3rinfo-planted"),
    "password": ("login failed: password=pl4nted-password;", "pl4nted-password"),
}


class Scenery:
    """A router with every kind of sink, each to a real server."""

    def __init__(self, scene: Any, slack: SlackServer, mail: MailServer, hook: Receiver) -> None:
        self.scene, self.slack, self.mail, self.hook = scene, slack, mail, hook
        entries = {
            "slack": {"app_token": slack.token, "app_url": slack.app_url, "channel": "#alerts"},
            "email": {
                "to": "ann@example.org",
                "from": "wdh@example.org",
                "smarthost": mail.smarthost,
                "require_tls": False,
                "auth_username": USER,
                "auth_password": PASSWORD,
            },
            "webhook": {
                "url": f"{hook.address}/hooks/path-that-is-planted",
                "secret": f"whsec_{SIGNING}",
                "http_config": {"authorization": {"credentials": "planted-webhook-bearer"}},
            },
            "log": {},
            "prometheus": {},
        }
        receivers = [{"name": "team", **{f"{kind}_configs": [e] for kind, e in entries.items()}}]
        route = {"receiver": "team", "group_wait": "0s", "group_interval": "1m"}
        config = json.dumps({"route": route, "receivers": receivers})
        self.router: AlertRouter = scene.router(config, kinds=built_in(), environ=ENVIRON)
        # As a text quotes them, and what of it must be nowhere.
        self.own = {
            slack.token: slack.token,
            PASSWORD: PASSWORD,
            f"{hook.address}/hooks/path-that-is-planted": "path-that-is-planted",
            f"whsec_{SIGNING}": SIGNING,
            "planted-webhook-bearer": "planted-webhook-bearer",
        }

    @property
    def planted(self) -> list[str]:
        return [*self.own.values(), *ENVIRON.values(), *(secret for _, secret in QUOTED.values())]

    def payloads(self) -> str:
        """All that went over a wire, but for the headers that log in."""
        sent = [json.dumps(call.payload) for call in self.slack.calls]
        sent += [f"{m['Subject']}\n{m.text}\n{m.html}" for m in self.mail.mails]
        sent += [request.body.decode() for request in self.hook.requests]
        return "\n".join(sent)

    def stored(self) -> str:
        """Every row of every table, and of SQLite every byte of its files."""
        if self.scene.url.startswith("postgres"):
            with psycopg.connect(self.scene.url) as connection:
                rows = [
                    row[0]
                    for table in metadata.tables
                    for row in connection.execute(f"SELECT t::text FROM {table} t")  # type: ignore[call-overload]
                ]
            return "\n".join(rows)
        with closing(sqlite3.connect(self.scene.folder / "alerts.db")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        files = self.scene.folder.glob("alerts.db*")
        return "".join(path.read_bytes().decode(errors="replace") for path in files)

    def metrics(self) -> str:
        registry = CollectorRegistry()
        registry.register(StoreCollector(self.router.store))
        return generate_latest(registry).decode()

    def errors(self, fingerprint: str) -> str:
        attempts = self.router.store.attempts(fingerprint)
        return repr([*attempts, *self.router.store.dead_letters()])


@pytest.fixture
def scenery(scene: Any) -> Iterator[Scenery]:
    with (
        SlackServer() as slack,
        MailServer(starttls=False, log_in=True) as mail,
        Receiver() as hook,
    ):
        yield Scenery(scene, slack, mail, hook)


def everything_planted(own: Iterable[str]) -> Alert:
    text = "\n".join(
        [
            *(f"our own {secret}" for secret in own),
            *(f"{name} is {value}" for name, value in ENVIRON.items()),
            *(quoted for quoted, _ in QUOTED.values()),
        ]
    )
    names = ("summary", "error", "log_excerpt", "next_step", "changed", "anything_else")
    return Alert(
        {"alertname": "RunFailed", "job": "daily", "severity": "critical"},
        dict.fromkeys(names, text),
        event_key="run_failed:1",
        generator_url=f"https://wdh:{ENVIRON['VENDOR_TOKEN']}@dagster.example/runs/1",
    )


def test_none_of_them_is_in_a_payload_the_store_a_log_an_error_or_a_metric(
    scenery: Scenery, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG", "work_data_hub")
    alert = everything_planted(scenery.own)
    # First every door fails, two of them for good; then all of it is told, and is over.
    scenery.slack.answer(500, "channel_not_found")
    scenery.mail.say("DATA", f"451 4.3.0 {PASSWORD} is what you sent")
    scenery.hook.answer(500)
    scenery.router.publish(alert)
    for seconds in (0, 60, 60):
        scenery.scene.clock.advance(seconds)
        scenery.router.dispatch(until_idle=True)
    scenery.router.resolve({"job": "daily"})
    for _ in range(3):
        scenery.scene.clock.advance(60)
        scenery.router.dispatch(until_idle=True)
    captured = capfd.readouterr()
    places = {
        "payloads": scenery.payloads(),
        "store": scenery.stored(),
        "metrics": scenery.metrics(),
        "errors": scenery.errors(alert.fingerprint),
        "logs": "\n".join(f"{r.getMessage()} {r.__dict__}" for r in caplog.records),
        "stdout and stderr": captured.out + captured.err,
        "configuration": repr(scenery.router.config),
    }
    assert scenery.mail.mails, "it was told by mail"
    assert scenery.hook.taken, "it was told by webhook"
    for place in ("payloads", "store", "metrics", "logs"):
        assert "RunFailed" in places[place]
    assert "[redacted]" in places["payloads"]
    found = [
        f"{secret} in {place}"
        for place, text in places.items()
        for secret in scenery.planted
        if secret in text or secret in text.replace("\\n", "\n")
    ]
    assert found == []
