"""A router with every kind of sink, each to a real server, for tests of what goes through it."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import psycopg
from mail_server import PASSWORD, USER, MailServer
from prometheus_client import CollectorRegistry, generate_latest

from work_data_hub.alerting import AlertRouter
from work_data_hub.alerting.catalog import built_in
from work_data_hub.alerting.metrics import StoreCollector
from work_data_hub.alerting.store.tables import metadata
from work_data_hub.alerting.testing import Receiver, SlackServer

SIGNING = base64.b64encode(b"a signing secret of 32 characters").decode()


class EverySink:
    """own: the secrets of its configuration as a text quotes them, and what must be nowhere."""

    def __init__(
        self,
        scene: Any,
        slack: SlackServer,
        mail: MailServer,
        hook: Receiver,
        environ: Mapping[str, str],
    ) -> None:
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
            "memory": {"sink": "chat"},
        }
        receivers = [{"name": "team", **{f"{kind}_configs": [e] for kind, e in entries.items()}}]
        route = {"receiver": "team", "group_wait": "0s", "group_interval": "1m"}
        config = json.dumps({"route": route, "receivers": receivers})
        self.router: AlertRouter = scene.router(
            config, kinds={**built_in(), **scene.kinds}, environ=environ
        )
        self.own = {
            slack.token: slack.token,
            PASSWORD: PASSWORD,
            f"{hook.address}/hooks/path-that-is-planted": "path-that-is-planted",
            f"whsec_{SIGNING}": SIGNING,
            "planted-webhook-bearer": "planted-webhook-bearer",
        }

    def payloads(self) -> str:
        """All that a plug-in was given or went over a wire, but for the headers that log in."""
        sent = [json.dumps(call.payload) for call in self.slack.calls]
        sent += [f"{m['Subject']}\n{m.text}\n{m.html}" for m in self.mail.mails]
        sent += [request.body.decode() for request in self.hook.requests]
        sent += [repr(notification) for notification in self.scene.chat.attempts]
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


@contextmanager
def every_sink(scene: Any, *, environ: Mapping[str, str]) -> Iterator[EverySink]:
    with (
        SlackServer() as slack,
        MailServer(starttls=False, log_in=True) as mail,
        Receiver() as hook,
    ):
        yield EverySink(scene, slack, mail, hook, environ)
