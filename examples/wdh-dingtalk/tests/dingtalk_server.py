"""A robot's address on loopback that checks signatures as DingTalk does."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from urllib.parse import parse_qs, urlsplit

from work_data_hub.alerting.testing import Receiver, Reply, Request

TOKEN = "robot-access-token-0a1b2c3d"  # noqa: S105
SECRET = "SEC0123456789abcdef"  # noqa: S105
MAX_BODY_BYTES = 20_000
ONE_HOUR_MS = 3_600_000


class DingTalkServer(Receiver):
    """texts: what the group shows."""

    @property
    def url(self) -> str:
        return f"{self.address}/robot/send?access_token={TOKEN}"

    def texts(self) -> list[str]:
        return [request.json["text"]["content"] for request in self.taken]

    def refuse(self, code: int, said: str = "") -> None:
        """The next message."""
        self.answer(_said(code, said))

    def behave(self, request: Request) -> Reply:
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}
        if query.get("access_token") != TOKEN:
            return _said(300001, "token is not exist")
        if fault := _fault_of_signature(query):
            return _said(310000, fault)
        if len(request.body) > MAX_BODY_BYTES:
            return _said(460101, "message too long, exceed 20000 bytes")
        self.taken.append(request)
        return _said(0, "ok")


def _fault_of_signature(query: dict[str, str]) -> str | None:
    stamp = query.get("timestamp", "0")
    if abs(time.time() * 1_000 - int(stamp)) > ONE_HOUR_MS:
        return "invalid timestamp"
    signed = hmac.new(SECRET.encode(), f"{stamp}\n{SECRET}".encode(), hashlib.sha256).digest()
    right = base64.b64encode(signed).decode()
    return None if hmac.compare_digest(right, query.get("sign", "")) else "sign not match"


def _said(code: int, said: str) -> Reply:
    return Reply(200, json.dumps({"errcode": code, "errmsg": said}).encode())
