"""Secrets planted in everything that is published: searched for in all that comes out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from every_sink import EverySink, every_sink
from mail_server import PASSWORD

from work_data_hub.alerting import Alert
from work_data_hub.alerting.errors import DeliveryError, Reason
from work_data_hub.alerting.store.desk import Desk

pytestmark = pytest.mark.both_databases

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


@pytest.fixture
def sinks(scene: Any) -> Iterator[EverySink]:
    with every_sink(scene, environ=ENVIRON) as sinks:
        yield sinks


def all_texts(own: Iterable[str]) -> list[str]:
    return [
        *(f"our own {secret}" for secret in own),
        *(f"{name} is {value}" for name, value in ENVIRON.items()),
        *(quoted for quoted, _ in QUOTED.values()),
    ]


def everything_planted(own: Iterable[str]) -> Alert:
    """In each text, in a label each, in the event's key and in the address."""
    texts = all_texts(own)
    names = ("summary", "error", "log_excerpt", "next_step", "changed", "anything_else")
    return Alert(
        {
            "alertname": "RunFailed",
            "job": "daily",
            "severity": "critical",
            "db_password": "pl4nted",
            **{f"label_{i}": text for i, text in enumerate(texts)},
        },
        dict.fromkeys(names, "\n".join(texts)),
        event_key=f"run_failed:{'; '.join(texts)}",
        generator_url=f"https://wdh:{ENVIRON['VENDOR_TOKEN']}@dagster.example/runs/1",
    )


def test_none_of_them_is_in_a_payload_the_store_a_log_an_error_or_a_metric(
    sinks: EverySink, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG", "work_data_hub")
    alert = everything_planted(sinks.own)
    # First every door fails, three of them for good; then all of it is told, and is over.
    sinks.slack.answer(500, "channel_not_found")
    sinks.mail.say("DATA", f"451 4.3.0 {PASSWORD} is what you sent")
    sinks.hook.answer(500)
    quoted = "; ".join(all_texts(sinks.own))
    sinks.scene.chat.fail(
        DeliveryError(Reason.UNAVAILABLE, quoted), DeliveryError(Reason.REJECTED, quoted)
    )
    sinks.router.publish(alert)
    for seconds in (0, 60, 60):
        sinks.scene.clock.advance(seconds)
        sinks.router.dispatch(until_idle=True)
    assert alert.event_key is not None
    found = Desk(sinks.router.store.database).trace(
        sinks.router.stored_key(alert.event_key),
        sinks.router.config,
        at=sinks.scene.clock.now,
    )
    assert sinks.router.resolve(alert.labels, event_key=f"over:{alert.event_key}") == 1
    for _ in range(3):
        sinks.scene.clock.advance(60)
        sinks.router.dispatch(until_idle=True)
    captured = capfd.readouterr()
    places = {
        "payloads": sinks.payloads(),
        "store": sinks.stored(),
        "metrics": sinks.metrics(),
        "errors": sinks.errors(alert.fingerprint),
        "logs": "\n".join(f"{r.getMessage()} {r.__dict__}" for r in caplog.records),
        "stdout and stderr": captured.out + captured.err,
        "explanation": repr(found),
        "configuration": repr(sinks.router.config),
    }
    assert sinks.mail.mails, "it was told by mail"
    assert sinks.hook.taken, "it was told by webhook"
    assert sinks.scene.chat.delivered, "it was told by a plug-in"
    for place in ("payloads", "store", "metrics", "logs", "explanation"):
        assert "RunFailed" in places[place]
    assert "[redacted]" in places["payloads"]
    planted = [*sinks.own.values(), *ENVIRON.values(), *(secret for _, secret in QUOTED.values())]
    planted.append("pl4nted")
    found = [
        f"{secret} in {place}"
        for place, text in places.items()
        for secret in planted
        if secret in text or secret in text.replace("\\n", "\n")
    ]
    assert found == []
