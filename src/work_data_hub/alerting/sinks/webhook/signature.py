"""Standard Webhooks: who sent it, when, and that nothing was changed. Pure.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable

PREFIX = "whsec_"
MIN_KEY_BYTES = 24
MAX_KEY_BYTES = 64


def key_of(secret: str) -> bytes:
    """The key in `whsec_<base64>`. Raises ValueError that does not tell it."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"is no secret of Standard Webhooks; write {PREFIX}<base64>") from None
    if not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        raise ValueError(f"holds {len(key)} bytes; {MIN_KEY_BYTES} to {MAX_KEY_BYTES} are needed")
    return key


def headers(id_: str, body: bytes, *, at_s: int, keys: Iterable[bytes]) -> dict[str, str]:
    """`webhook-id`, the same for each attempt; the time of this one; a signature for each key."""
    signed = b".".join((id_.encode(), str(at_s).encode(), body))
    signatures = [
        "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys
    ]
    said = {"webhook-id": id_, "webhook-timestamp": str(at_s)}
    return said | ({"webhook-signature": " ".join(signatures)} if signatures else {})
