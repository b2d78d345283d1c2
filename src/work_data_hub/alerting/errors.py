"""What can go wrong in the router.

AlertingError
├── ConfigError            alerts.yml cannot be used: file, line and key (see strict_yaml)
├── StoreUnavailable       the store did not take it within its deadline; the caller keeps the alert
├── NotFound               the store knows nothing by this name, or several things
└── DeliveryError(reason)  the other side did not take a notification
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from ..strict_yaml import ConfigError as _YamlError

if TYPE_CHECKING:
    from .sink import Receipt


class AlertingError(Exception):
    """Root of the tree."""


class ConfigError(AlertingError, _YamlError):
    """alerts.yml cannot be used; the text names file, line, key and what was expected."""


class StoreUnavailable(AlertingError):
    """The store could not be written in time."""


class NotFound(AlertingError):
    """What somebody asked for by name is not in the store, or the name fits several."""


class Reason(StrEnum):
    """Why a delivery did not come to pass; also the label on the metric."""

    RATE_LIMITED = "rate_limited"  # 429; try again after retry_after_s
    UNAVAILABLE = "unavailable"  # 5xx, refused connection, DNS
    TIMEOUT = "timeout"  # the deadline passed; may have been taken
    DROPPED = "dropped"  # connection lost after sending; may have been taken
    REJECTED = "rejected"  # the content or address is refused, for good
    NOT_FOUND = "not_found"  # channel, webhook or message is gone
    GONE = "gone"  # the other side wants nothing more, ever (HTTP 410): the sink is disabled
    UNAUTHORIZED = "unauthorized"  # credentials are wrong: the sink is parked
    MISCONFIGURED = "misconfigured"  # a redirect, a wrong address
    INTERNAL = "internal"  # a fault in the sink itself

    @property
    def permanent(self) -> bool:
        """No later attempt of the same notification can succeed."""
        return self in (Reason.REJECTED, Reason.NOT_FOUND, Reason.GONE, Reason.MISCONFIGURED)

    @property
    def ambiguous(self) -> bool:
        """It may have been taken: a retry may tell it twice, and is counted."""
        return self in (Reason.TIMEOUT, Reason.DROPPED)

    @property
    def parks(self) -> bool:
        """Every later attempt fails alike until an operator acts."""
        return self in (Reason.UNAUTHORIZED, Reason.GONE)


class DeliveryError(AlertingError):
    """The other side did not take a notification.

    `detail` is for the operator and holds no address, token or password.
    `receipt`: of what was reached all the same, such as some of a mail's recipients. The next
    attempt finds it as `previous` and tells only the rest.
    """

    def __init__(
        self,
        reason: Reason,
        detail: str,
        *,
        retry_after_s: float | None = None,
        receipt: Receipt | None = None,
    ) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.receipt = receipt

    def with_detail(self, detail: str) -> DeliveryError:
        """The same, in other words."""
        return DeliveryError(
            self.reason, detail, retry_after_s=self.retry_after_s, receipt=self.receipt
        )
