"""Slack's two doors: the Web API with a bot token, and the incoming webhook."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...http import HttpSession
from ...redact import Redactor
from ...sink import Deadline, Receipt, pace_key
from .answers import api_result, check_webhook

if TYPE_CHECKING:
    from . import SlackConfig

# `parse` and `link_names`: nothing in an alert's text becomes a mention or a channel link.
# chat.update would otherwise fall back to `client`.
# https://docs.slack.dev/reference/methods/chat.update#arguments
_AS_DATA = {"parse": "none", "link_names": False}
_NO_PREVIEWS = {"unfurl_links": False, "unfurl_media": False}

_JSON = "application/json; charset=utf-8"


class SlackApi:
    """chat.postMessage and chat.update for one channel, by which Slack counts messages."""

    def __init__(self, config: SlackConfig, http: HttpSession, redact: Redactor) -> None:
        if config.app_token is None or config.channel is None:
            raise ValueError("SlackApi needs app_token and channel")
        self._token = config.app_token
        self._channel = config.channel
        self._post_url = config.app_url
        token = self._token.get_secret_value()
        self.pace_key = pace_key(config.app_url, token, config.channel.removeprefix("#"))
        self._update_url = config.app_url.removesuffix("chat.postMessage") + "chat.update"
        named = {"username": config.username, "icon_emoji": config.icon_emoji}
        self._author = {name: value for name, value in named.items() if value}
        self._http = http
        self._redact = redact

    def post(
        self, content: Mapping[str, Any], *, deadline: Deadline, thread: Receipt | None = None
    ) -> Receipt:
        """A new message; with `thread`, a reply in that message's thread, shown in the channel too.

        The receipt holds what Slack gave: the channel's id (an update takes no name) and the ts.
        """
        place: dict[str, Any] = {"channel": self._channel}
        if thread is not None:
            place = {
                "channel": thread.values["channel"],
                "thread_ts": thread.values["ts"],
                "reply_broadcast": True,
            }
        payload = {**content, **place, **self._author, **_AS_DATA, **_NO_PREVIEWS}
        result = self._call(self._post_url, payload, deadline)
        values = {"channel": result.get("channel"), "ts": result.get("ts")}
        known = {name: value for name, value in values.items() if isinstance(value, str)}
        return Receipt(known if known.keys() == values.keys() else {})

    def update(
        self, message: Receipt, content: Mapping[str, Any], *, deadline: Deadline
    ) -> Receipt:
        """The same message, with new content. Nobody is notified.

        Without the field `blocks` Slack would keep the old ones.
        """
        place = {"channel": message.values["channel"], "ts": message.values["ts"]}
        self._call(self._update_url, {"blocks": [], **content, **place, **_AS_DATA}, deadline)
        return message

    def _call(self, url: str, payload: Mapping[str, Any], deadline: Deadline) -> Mapping[str, Any]:
        headers = {
            "Content-Type": _JSON,
            "Authorization": f"Bearer {self._token.get_secret_value()}",
        }
        answer = self._http.post(url, encoded(payload), headers=headers, deadline=deadline)
        return api_result(answer, self._redact)


class SlackWebhook:
    """An incoming webhook: it posts into its own channel, and nothing can be edited after."""

    def __init__(self, config: SlackConfig, http: HttpSession, redact: Redactor) -> None:
        if config.api_url is None:
            raise ValueError("SlackWebhook needs api_url")
        self._url = config.api_url
        self.pace_key = pace_key(config.api_url.get_secret_value())
        named = {
            "channel": config.channel,
            "username": config.username,
            "icon_emoji": config.icon_emoji,
        }
        self._author = {name: value for name, value in named.items() if value}
        self._http = http
        self._redact = redact

    def post(self, content: Mapping[str, Any], *, deadline: Deadline) -> None:
        """A new message."""
        body = encoded({**content, **self._author, **_NO_PREVIEWS})
        url = self._url.get_secret_value()
        headers = {"Content-Type": _JSON}
        answer = self._http.post(url, body, headers=headers, deadline=deadline)
        check_webhook(answer, self._redact)


def encoded(payload: Mapping[str, Any]) -> bytes:
    """JSON in ASCII: no character of an alert can upset a proxy on the way."""
    return json.dumps(payload, separators=(",", ":")).encode("ascii")
