"""TLS of a sink's connections: always verified."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import field_validator

from .errors import DeliveryError, Reason
from .kind import ConfigPart

if TYPE_CHECKING:
    import ssl


class TlsConfig(ConfigPart):
    """`tls_config`. ca_file: certificate authorities in place of the system's.

    insecure_skip_verify: known for Alertmanager's sake, and only as false.
    """

    ca_file: Path | None = None
    insecure_skip_verify: bool = False

    @field_validator("ca_file")
    @classmethod
    def _is_there(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError("there is no such file")
        return value

    @field_validator("insecure_skip_verify")
    @classmethod
    def _is_false(cls, value: bool) -> bool:
        if value:
            raise ValueError("certificates are always verified; name the authority in ca_file")
        return value

    def context(self) -> ssl.SSLContext:
        """For a client. Raises DeliveryError when ca_file holds no certificates."""
        import ssl

        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError:
            failure = DeliveryError(Reason.MISCONFIGURED, "tls_config.ca_file cannot be used")
        raise failure
