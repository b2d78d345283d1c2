"""A server that behaves like Slack, on loopback, for tests and for trying things out.

with SlackServer(channels=["alerts"]) as slack:
    sink = ... app_token=slack.token, app_url=slack.app_url, channel="#alerts"
    slack.answer(503, 429, "ok")        # the next three requests
    ...
    assert slack.messages[0].text == "..."
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .http_server import Fault, HttpServer, Reply, Request, misbehaviour
from .slack_limits import form_error, shown_texts

WEBHOOK_PATH = "/services/T00000000/B00000000/webhooksecret0123456789"
TOKEN = "xoxb-000000000000-testing-token"  # noqa: S105


# A status, one of Slack's error codes, a fault, or "ok".
Script = int | str


@dataclass
class SlackMessage:
    """A message as the channel shows it. versions: each payload it had, the latest last."""

    channel: str
    ts: str
    thread_ts: str | None
    reply_broadcast: bool
    versions: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What a phone's notification shows."""
        return str(self.versions[-1].get("text", ""))

    @property
    def blocks(self) -> list[dict[str, Any]]:
        return list(self.versions[-1].get("blocks", []))

    @property
    def all_text(self) -> str:
        """Every text of it, one a line, as it was sent."""
        return "\n".join(shown_texts(self.versions[-1]))

    @property
    def edited(self) -> bool:
        return len(self.versions) > 1

    @property
    def mentions(self) -> list[str]:
        """Who is called by it: `<!channel>`, `<!here>`, `<@U...>`, `<#C...>`."""
        return re.findall(r"<[!@#][^>]*>", self.all_text)


@dataclass(frozen=True)
class SlackCall:
    """One request as it came. at: by the server's clock."""

    method: str
    payload: Mapping[str, Any]
    at: float


class SlackServer(HttpServer):
    """chat.postMessage, chat.update and an incoming webhook.

    channels: names that exist and that the bot is a member of.
    message_every_s: with a number, more than one message in that time and channel is a 429.
    retry_after: what a 429 says; None leaves the header out.
    clock: seconds, for the pace.
    """

    def __init__(
        self,
        *,
        channels: Iterable[str] = ("alerts",),
        token: str = TOKEN,
        message_every_s: float | None = None,
        retry_after: str | None = "1",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(self._handle)
        self.token = token
        self.messages: list[SlackMessage] = []
        self.calls: list[SlackCall] = []
        self.retry_after = retry_after
        self._channels = {name: f"C{n:010d}" for n, name in enumerate(channels, 1)}
        self._message_every_s = message_every_s
        self._clock = clock
        self._last_at: dict[str, float] = {}
        self._script: deque[Script] = deque()
        self._always: Script | None = None
        self._uneditable: str | None = None
        self._lock = threading.Lock()

    @property
    def app_url(self) -> str:
        return f"{self.address}/api/chat.postMessage"

    @property
    def webhook_url(self) -> str:
        return self.address + WEBHOOK_PATH

    def answer(self, *script: Script) -> None:
        """What the next requests get, in order; after that the server behaves."""
        with self._lock:
            self._script.extend(script)

    def always_answer(self, answer: Script | None) -> None:
        """What every request gets until told otherwise (None: behave)."""
        with self._lock:
            self._always = answer

    def refuse_edits(self, code: str | None) -> None:
        """The code that chat.update answers for messages that are there, None to allow edits."""
        with self._lock:
            self._uneditable = code

    def delete(self, message: SlackMessage) -> None:
        """Somebody deletes it."""
        with self._lock:
            self.messages.remove(message)

    def _handle(self, request: Request) -> Reply:
        path, token, payload = request.path, request.bearer, request.json
        with self._lock:
            method = path.rpartition("/")[2] if path.startswith("/api/") else "webhook"
            self.calls.append(SlackCall(method, payload, self._clock()))
            scripted = self._script.popleft() if self._script else self._always
            if scripted is None or scripted == "ok":
                return self._behave(path, token, payload)
            if scripted == Fault.DROP_TAKEN:
                self._behave(path, token, payload)
                return Reply(fault=Fault.DROP)
            return self._misbehave(scripted, webhook=method == "webhook")

    def _misbehave(self, scripted: Script, *, webhook: bool) -> Reply:
        if isinstance(scripted, int):
            headers = {"Retry-After": self.retry_after} if scripted in (429, 503) else {}
            known = {name: value for name, value in headers.items() if value is not None}
            body = b'{"ok":false,"error":"ratelimited"}' if scripted == 429 else b""
            return Reply(scripted, body, known)
        if scripted in set(Fault):
            return misbehaviour(Fault(scripted), self.address)
        if webhook:
            return Reply(_WEBHOOK_STATUS.get(scripted, 400), scripted.encode())
        return _refused(scripted)

    def _behave(self, path: str, token: str | None, payload: Mapping[str, Any]) -> Reply:
        if path == WEBHOOK_PATH:
            return self._webhook(payload)
        if path.startswith("/services/"):
            return Reply(404, b"no_service")
        if token != self.token:
            return _refused("invalid_auth" if token else "not_authed")
        methods = {"/api/chat.postMessage": self._post, "/api/chat.update": self._update}
        return methods[path](payload) if path in methods else _refused("unknown_method")

    def _webhook(self, payload: Mapping[str, Any]) -> Reply:
        if error := form_error(payload, update=False):
            return Reply(400, error.encode())
        channel = next(iter(self._channels.values()))
        if self._is_too_fast(channel):
            return self._misbehave(429, webhook=True)
        self._take(channel, payload)
        return Reply(200, b"ok")

    def _post(self, payload: Mapping[str, Any]) -> Reply:
        channel = self._channel(payload)
        if channel is None:
            return _refused("channel_not_found")
        if error := form_error(payload, update=False):
            return _refused(error)
        thread = payload.get("thread_ts")
        if thread is not None and self._find(channel, thread) is None:
            return _refused("thread_not_found")
        if self._is_too_fast(channel):
            return self._misbehave(429, webhook=False)
        return _taken(self._take(channel, payload))

    def _update(self, payload: Mapping[str, Any]) -> Reply:
        # An update wants the channel's id; a name is not found.
        if payload.get("channel") not in self._channels.values():
            return _refused("channel_not_found")
        message = self._find(payload["channel"], payload.get("ts"))
        if message is None:
            return _refused("message_not_found")
        if self._uneditable:
            return _refused(self._uneditable)
        if error := form_error(payload, update=True):
            return _refused(error)
        # A field that is left out stays as it was.
        message.versions.append({"blocks": message.blocks, "text": message.text, **payload})
        return _taken(message)

    def _channel(self, payload: Mapping[str, Any]) -> str | None:
        wanted = str(payload.get("channel", ""))
        by_id = wanted if wanted in self._channels.values() else None
        return by_id or self._channels.get(wanted.removeprefix("#"))

    def _find(self, channel: str, ts: Any) -> SlackMessage | None:
        found = (m for m in self.messages if (m.channel, m.ts) == (channel, ts))
        return next(found, None)

    def _is_too_fast(self, channel: str) -> bool:
        if self._message_every_s is None:
            return False
        now = self._clock()
        last = self._last_at.get(channel)
        if last is not None and now - last < self._message_every_s:
            return True
        self._last_at[channel] = now
        return False

    def _take(self, channel: str, payload: Mapping[str, Any]) -> SlackMessage:
        ts = f"1730743833.{len(self.calls):06d}"
        thread = payload.get("thread_ts")
        broadcast = bool(payload.get("reply_broadcast"))
        message = SlackMessage(channel, ts, thread, broadcast, [payload])
        self.messages.append(message)
        return message


# https://api.slack.com/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks
_WEBHOOK_STATUS = {
    "invalid_payload": 400,
    "user_not_found": 400,
    "action_prohibited": 403,
    "posting_to_general_channel_denied": 403,
    "invalid_token": 403,
    "channel_not_found": 404,
    "no_service": 404,
    "no_active_hooks": 404,
    "no_team": 404,
    "channel_is_archived": 410,
    "rollup_error": 500,
}


def _refused(code: str) -> Reply:
    return Reply(200, json.dumps({"ok": False, "error": code}).encode())


def _taken(message: SlackMessage) -> Reply:
    said = {"ok": True, "channel": message.channel, "ts": message.ts, "message": {}}
    return Reply(200, json.dumps(said).encode())
