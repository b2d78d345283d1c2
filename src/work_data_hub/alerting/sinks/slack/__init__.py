"""Slack, by bot token (messages that are edited, threads) or by incoming webhook (neither)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import SecretStr, field_validator, model_validator

from ...kind import Kind, SinkConfig
from ...templates import Templates, TemplateText, is_go

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
    title, text: Jinja2, in the place of our heading and of our body.
    actions ... title_link: the form of Alertmanager's message. They are read, and ours is sent.
    """

    api_url: SecretStr | None = None
    app_token: SecretStr | None = None
    app_url: str = f"https://slack.com/api/{POST_MESSAGE}"
    channel: str | None = None
    username: str | None = None
    icon_emoji: str | None = None
    title: TemplateText | None = None
    text: TemplateText | None = None
    actions: Any = None
    callback_id: Any = None
    color: Any = None
    fallback: Any = None
    fields: Any = None
    footer: Any = None
    icon_url: Any = None
    image_url: Any = None
    link_names: Any = None
    mrkdwn_in: Any = None
    pretext: Any = None
    short_fields: Any = None
    thumb_url: Any = None
    title_link: Any = None

    def replaced(self) -> tuple[str, ...]:
        form = type(self).model_fields.items()
        go = (name for name in ("title", "text") if is_go(getattr(self, name) or ""))
        ours = (name for name, about in form if about.annotation is Any and getattr(self, name))
        return (*go, *ours)

    def notes(self) -> tuple[str, ...]:
        if self.api_url is None:
            return ()
        return ("a webhook's messages cannot be edited: opened and resolved are two messages",)

    @field_validator("api_url")
    @classmethod
    def _is_web_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("https://", "http://")):
            raise ValueError("is no web address; an incoming webhook starts with https://")
        if value is not None and value.get_secret_value().endswith(POST_MESSAGE):
            raise ValueError("is no incoming webhook; write the bot's token as app_token instead")
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
    """The sink for a token or a webhook; its HTTP is imported here, not before."""
    from ...http import HttpSession
    from .blocks import escape
    from .client import SlackApi, SlackWebhook
    from .sink import SlackTokenSink, SlackWebhookSink

    session = http or HttpSession()
    # The heading is plain text and escaped as a whole; in the body markup is the operator's alone.
    own = Templates("slack", title=(config.title, str), text=(config.text, escape))
    if config.app_token is not None:
        return SlackTokenSink(SlackApi(config, session, redact), own)
    return SlackWebhookSink(SlackWebhook(config, session, redact), own)


SLACK = Kind(
    "slack",
    SlackConfig,
    build,
    globals={
        "api_url": "slack_api_url",
        "app_token": "slack_app_token",
        "app_url": "slack_app_url",
    },
    one_of=frozenset({"api_url", "app_token"}),
)
