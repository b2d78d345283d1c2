"""What Slack's servers refuse about a message's form, as its documentation and its users say.

Independent of the sink on purpose: limits are written down a second time here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

# https://docs.slack.dev/reference/block-kit/blocks
_MAX_BLOCKS = 50
# chat.update refuses what chat.postMessage would only truncate at 40,000.
_MAX_UPDATE_TEXT_BYTES = 4_000
# All texts together, about a hundred characters a block on top.
# https://github.com/slackapi/bolt-js/issues/2509
_MAX_TEXTS = 13_200


def form_error(payload: Mapping[str, Any], *, update: bool) -> str | None:
    """Slack's word for what is wrong with text and blocks, None when nothing is."""
    text, blocks = payload.get("text"), payload.get("blocks", [])
    if not text and not blocks:
        return "no_text"
    if update and len(str(text or "").encode()) > _MAX_UPDATE_TEXT_BYTES:
        return "msg_too_long"
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        return "invalid_blocks_format"
    if len(blocks) > _MAX_BLOCKS or not all(_is_valid(block) for block in blocks):
        return "invalid_blocks"
    if sum(100 + sum(len(t["text"]) for t in _text_objects(b)) for b in blocks) > _MAX_TEXTS:
        return "msg_blocks_too_long"
    return None


def _is_valid(block: Mapping[str, Any]) -> bool:
    valid = False
    match block:
        case {"type": "header", "text": {"type": "plain_text"} as text}:
            valid = _fits(text, 150)
        case {"type": "section", "text": text}:
            valid = _fits(text, 3_000)
        case {"type": "section", "fields": [_, *_] as fields}:
            valid = len(fields) <= 10 and all(_fits(field, 2_000) for field in fields)
        case {"type": "context", "elements": [_, *_] as elements}:
            valid = len(elements) <= 10 and all(_fits(element, 3_000) for element in elements)
        case {"type": "actions", "elements": [_, *_] as elements}:
            valid = len(elements) <= 25 and all(_is_button(element) for element in elements)
        case {"type": "divider"}:
            valid = True
    return valid


def _is_button(element: Mapping[str, Any]) -> bool:
    url = element.get("url", "https://unset.invalid")
    return (
        element.get("type") == "button"
        and _fits(element.get("text"), 75)
        and len(url) <= 3_000
        and _is_web_address(url)
    )


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets around what is no address
        return False
    is_whole = parts.scheme in ("http", "https") and bool(parts.netloc)
    return is_whole and not any(c.isspace() for c in url)


def _fits(text: Any, limit: int) -> bool:
    return (
        isinstance(text, dict)
        and text.get("type") in ("plain_text", "mrkdwn")
        and isinstance(text.get("text"), str)
        and 1 <= len(text["text"]) <= limit
    )


def _text_objects(part: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(part, dict):
        if isinstance(part.get("text"), str):
            yield part
        for value in part.values():
            yield from _text_objects(value)
    elif isinstance(part, list):
        for value in part:
            yield from _text_objects(value)


def shown_texts(payload: Mapping[str, Any]) -> list[str]:
    """Every text of a message, `text` first, as it was sent (escaped)."""
    texts = [str(payload["text"])] if payload.get("text") else []
    return texts + [t["text"] for block in payload.get("blocks", []) for t in _text_objects(block)]
