"""Webhook: Alertmanager's payload, signed as Standard Webhooks, for a machine to read.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, field_validator

from ...http_config import HttpConfig
from ...kind import Kind, SinkConfig
from ...timing import seconds_of
from .signature import key_of

if TYPE_CHECKING:
    from ...http import HttpSession
    from ...redact import Redactor
    from ...sink import AlertSink


def _duration(value: Any) -> float:
    if not isinstance(value, str):
        raise ValueError("is no duration; write it like 5s")
    return seconds_of(value)


def _one_or_more(value: Any) -> Any:
    return value.split() if isinstance(value, str) else value


class WebhookConfig(SinkConfig):
    """url: where to POST. max_alerts: how many go into a payload, 0 for all.

    timeout: seconds for the whole exchange, within the dispatcher's own limit; 0 for that alone.
    secret: `whsec_...`; with it every payload is signed. Several while one takes the place of
    another, as a list or separated by spaces: each signs, and the other side may hold any.
    """

    url: SecretStr
    max_alerts: int = Field(default=0, ge=0)
    timeout: Annotated[float, BeforeValidator(_duration)] = 0.0
    secret: Annotated[tuple[SecretStr, ...], BeforeValidator(_one_or_more)] = ()
    http_config: HttpConfig = HttpConfig()

    @field_validator("url")
    @classmethod
    def _is_web_address(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(("https://", "http://")):
            raise ValueError("is no web address; it starts with https:// or http://")
        return value

    @field_validator("secret")
    @classmethod
    def _are_keys(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for secret in value:
            key_of(secret.get_secret_value())
        return value


def build(config: WebhookConfig, *, redact: Redactor, http: HttpSession | None) -> AlertSink:
    """The sink; its HTTP is imported here, not before."""
    from .sink import WebhookSink

    return WebhookSink(config, redact=redact, http=config.http_config.session(http))


WEBHOOK = Kind(
    "webhook",
    WebhookConfig,
    build,
    globals={"http_config": "http_config"},
    hears_each_end=True,
)
