"""Slack, by bot token (messages that are edited, threads) or by incoming webhook (neither)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import SecretStr, field_validator, model_validator

from ...kind import Kind, SinkConfig

if TYPE_CHECKING:
    from ...http import HttpSession
    from ...redact import Redactor
    from ...sink import AlertSink

POST_MESSAGE = "chat.postMessage"


class SlackConfig(SinkConfig):
    """api_url: an incoming webhook. Or app_token and channel: a bot token (`xoxb-...`).

    app_url: the address of chat.postMessage; its sister methods stand beside it.
    channel: an id (`C0123456789`) or a name (`#alerts`); the bot must be a member of it.
    username, icon_emoji: need the scope chat:write.customize, and a webhook ignores them.
    """

    api_url: SecretStr | None = None
    app_token: SecretStr | None = None
    app_url: str = f"https://slack.com/api/{POST_MESSAGE}"
    channel: str | None = None
    username: str | None = None
    icon_emoji: str | None = None

    def notes(self) -> tuple[str, ...]:
        if self.api_url is None:
            return ()
        return ("a webhook's messages cannot be edited: opened and resolved are two messages",)

    @field_validator("api_url")
    @classmethod
    def _is_web_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("https://", "http://")):
            raise ValueError("is no web address; an incoming webhook starts with https://")
        return value

    @field_validator("app_url")
    @classmethod
    def _is_post_message(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")) or not value.endswith(POST_MESSAGE):
            raise ValueError(f"is not the address of {POST_MESSAGE}")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> SlackConfig:
        if (self.api_url is None) == (self.app_token is None):
            raise ValueError("needs either api_url (incoming webhook) or app_token (bot token)")
        if self.app_token is not None and not self.channel:
            raise ValueError("needs channel beside app_token")
        return self


def build(config: SlackConfig, *, redact: Redactor, http: HttpSession | None) -> AlertSink:
    """The sink for a token or a webhook; requests is imported here, not before."""
    from ...http import HttpSession
    from .client import SlackApi, SlackWebhook
    from .sink import SlackTokenSink, SlackWebhookSink

    session = http or HttpSession()
    if config.app_token is not None:
        return SlackTokenSink(SlackApi(config, session, redact))
    return SlackWebhookSink(SlackWebhook(config, session, redact))


SLACK = Kind("slack", SlackConfig, build)
