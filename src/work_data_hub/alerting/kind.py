"""What a kind of sink is made of; a plug-in package brings one `Kind`, the catalog lists them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from .http import HttpSession
    from .redact import Redactor
    from .sink import AlertSink


class SinkConfig(BaseModel):
    """One entry of `<kind>_configs` in alerts.yml. Secrets are `SecretStr`, unknown keys refused.

    send_resolved: whether the dispatcher hands RESOLVE to this integration.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    send_resolved: bool = True


class Build(Protocol):
    """Makes the sink of one integration. Opens nothing: no network, no file."""

    def __call__(self, config: Any, *, redact: Redactor, http: HttpSession | None) -> AlertSink:
        """`http` is the session to send through; None means one of the sink's own."""
        ...


@dataclass(frozen=True)
class Kind:
    """name: `slack` gives the key `slack_configs`. model: what an entry of that list may hold."""

    name: str
    model: type[SinkConfig]
    build: Build
