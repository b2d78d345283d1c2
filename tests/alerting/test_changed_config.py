"""What a change of alerts.yml does to an open incident: what is told again, and what is not."""

from __future__ import annotations

from typing import Any

import pytest

from work_data_hub.alerting.testing import RecordingSink

pytestmark = pytest.mark.both_databases

BEFORE = """
route:
  receiver: team
  group_by: [job]
  group_wait: 0s
  group_interval: 1m
  routes:
    - {matchers: [job="other"], receiver: nobody}
    - {matchers: [job="daily"], receiver: team}
receivers:
  - name: team
    memory_configs: [{sink: chat}]
  - name: nobody
"""
KEY_ADDED = BEFORE.replace("{sink: chat}", "{sink: chat, send_resolved: true}")
APPENDED = BEFORE.replace("{sink: chat}", "{sink: chat}, {sink: mail}")
INSERTED = BEFORE.replace("{sink: chat}", "{sink: mail}, {sink: chat}")
REGROUPED = BEFORE.replace("group_by: [job]", "group_by: [job, alertname]")
_FIRST, _SECOND = (line for line in BEFORE.splitlines() if "matchers" in line)
REORDERED = BEFORE.replace(f"{_FIRST}\n{_SECOND}", f"{_SECOND}\n{_FIRST}")


@pytest.mark.parametrize(
    ("after", "chat", "mail"),
    [
        (KEY_ADDED, ["open", "resolve"], []),
        (APPENDED, ["open", "resolve"], ["open", "resolve"]),
        (INSERTED, ["open", "open", "resolve"], ["resolve"]),
        (REGROUPED, ["open", "open", "resolve", "resolve"], []),
        (REORDERED, ["open", "open", "resolve", "resolve"], []),
    ],
    ids=["key added", "entry appended", "entry inserted", "regrouped", "routes reordered"],
)
def test_what_is_told_again_after_a_change(
    scene: Any, alert: Any, after: str, chat: list[str], mail: list[str]
) -> None:
    scene.sinks["mail"] = RecordingSink()
    router = scene.router(BEFORE)
    router.publish(alert())
    router.dispatch()
    changed = scene.router(after)
    changed.dispatch()
    changed.resolve({"job": "daily"})
    scene.clock.advance(60)
    changed.dispatch(until_idle=True)
    assert (scene.told("chat"), scene.told("mail")) == (chat, mail)
    assert changed.next_due() is None
