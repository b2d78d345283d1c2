"""A message as Slack's blocks, within Slack's limits, whatever its texts hold.

Texts are data: `& < >` are escaped everywhere, so `<!channel>` notifies nobody; values stand in
code, where `*`, `_` and `:` mean nothing; every cut falls between characters of the unescaped text,
so no entity is ever split.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ...message import Field, IncidentLine, Link, Message, Section
from ...plain_text import one_line
from ...wording import Words

Block = dict[str, Any]

# https://docs.slack.dev/reference/block-kit/blocks#messages
MAX_BLOCKS = 50
# https://docs.slack.dev/reference/block-kit/blocks/header-block
MAX_HEADER_CHARS = 150
# Slack refuses a section above this. https://docs.slack.dev/reference/block-kit/blocks/section-block
MAX_SECTION_CHARS = 3_000
MAX_FIELDS = 10
# All texts of a message together; beyond it Slack answers msg_blocks_too_long. It publishes no
# number: its staff name 12,000 "with a buffer for block containers", and 9,597 characters in 50
# blocks were taken, 11,341 in 45 refused. We count the characters and a hundred for each block.
# https://github.com/slackapi/bolt-js/issues/2509, https://github.com/slackapi/bolt-js/issues/2867
MAX_MESSAGE_CHARS = 12_000
BLOCK_COST_CHARS = 100

# Our shares of it.
SUMMARY_CHARS = 600
NEXT_STEP_CHARS = 600
VALUE_CHARS = 200
FIELDS_CHARS = 2_400
ERROR_CHARS = 2_200
CHANGES_CHARS = 900
LOG_CHARS = 1_600
OTHERS_CHARS = 1_200
OTHER_CHARS = 160
FOOTER_CHARS = 200
# In the place of all of the above but the footer.
OWN_BODY_CHARS = 6_000
# What a publisher has laid out; beside it we have at most fifteen blocks.
MAX_LAID_OUT = 35
LAID_OUT_CHARS = 8_000
MAX_LINK_CHARS = 400
# `text` is what a phone's notification shows. chat.update refuses more than 4,000 bytes of it
# (msg_too_long), so four a character must do. https://docs.slack.dev/reference/methods/chat.update
TEXT_CHARS = 400
BARE_TEXT_CHARS = 850

_FENCE = "```"
_OPEN_AT_END = re.compile(r"(?:&[a-z]{0,3}|<[^<>]*)\Z")
_BROKEN_FENCE = "`\u200b`\u200b`"


def slack_message(message: Message, laid_out: Sequence[Block] = ()) -> dict[str, Any]:
    """`text` and `blocks`, for chat.postMessage, chat.update and a webhook alike.

    laid_out: blocks of the publisher's in the place of the summary, at most MAX_LAID_OUT of them
    and LAID_OUT_CHARS. Of what we have to say they are followed by what there is room for.
    """
    first, words = message.first, message.words
    head, tail = [_header(message.title), *laid_out], [*_link_blocks(first.links)]
    if message.silence:
        tail.append(_section(_titled(message.silence, words)))
    tail.append(_context(fit(message.footer, FOOTER_CHARS, words)))
    if message.body:
        body = [*_own_body(message.body, words)]
    elif laid_out:
        body = [*_fitting(_details(message), MAX_MESSAGE_CHARS - cost([*head, *tail]))]
    else:
        body = [*_summary(message), *_details(message)]
    return {"text": fit(message.title, TEXT_CHARS, words), "blocks": [*head, *body, *tail]}


def _fitting(blocks: Iterable[Block], chars: int) -> Iterator[Block]:
    for block in blocks:
        chars -= cost([block])
        if chars < 0:
            return
        yield block


def _summary(message: Message) -> Iterator[Block]:
    if one_line(message.first.summary) not in message.title:
        yield _section(fit(message.first.summary, SUMMARY_CHARS, message.words))


def _details(message: Message) -> Iterator[Block]:
    first, words = message.first, message.words
    yield from _field_blocks(first.fields)
    for section in first.sections:
        yield _section(_titled(section, words))
    if message.others:
        yield _section(_others(message.others, message.more, words))


def _own_body(body: str, words: Words) -> Iterator[Block]:
    """Sections of whole lines, where lines are short enough."""
    body = fit_markup(body, OWN_BODY_CHARS, words)
    while body:
        part = body
        if len(body) > MAX_SECTION_CHARS:
            end = body.rfind("\n", 0, MAX_SECTION_CHARS + 1)
            part = _before_entity(body[: end if end > 0 else MAX_SECTION_CHARS])
        body = body[len(part) :].lstrip("\n")
        if part.strip():
            yield _section(part)


def bare_message(message: Message) -> dict[str, Any]:
    """Text only, for when Slack refuses the blocks: title, summary, error, the run's page."""
    first = message.first
    texts = (message.title, first.summary, *(section.text for section in first.sections))
    text = fit("\n".join(filter(None, texts)), BARE_TEXT_CHARS, message.words)
    if message.body:
        own = f"{escape(message.title)}\n{message.body}"
        text = fit_markup(own, BARE_TEXT_CHARS, message.words)
    links = [link.url for link in first.links[:1] if len(link.url) <= MAX_LINK_CHARS]
    return {"text": "\n".join((text, *map(escape, links)))}


def escape(text: str) -> str:
    """https://docs.slack.dev/messaging/formatting-message-text#escaping"""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def fit(text: str, limit: int, words: Words, *, keep_end: bool = False) -> str:
    """The text escaped, at most `limit` characters long; what was cut is said in its place."""
    if len(text) <= limit and len(escaped := escape(text)) <= limit:
        return escaped
    room = limit - len(words.cut.format(f"{len(text):,}")) - 1
    kept = text[-room:] if keep_end else text[:room]
    while (over := len(escape(kept)) - room) > 0:
        drop = -(-over // 5)  # one character is five at most: `&amp;`
        kept = kept[drop:] if keep_end else kept[:-drop]
    cut = words.cut.format(f"{len(text) - len(kept):,}")
    return f"{cut}\n{escape(kept)}" if keep_end else f"{escape(kept)}\n{cut}"


def fit_markup(markup: str, limit: int, words: Words) -> str:
    """As `fit`, for what is Slack's markup already: cut within no entity and no link."""
    if len(markup) <= limit:
        return markup
    room = limit - len(words.cut.format(f"{len(markup):,}")) - 1
    kept = _before_entity(markup[:room])
    return f"{kept}\n{words.cut.format(f'{len(markup) - len(kept):,}')}"


def _before_entity(cut: str) -> str:
    """Without the beginning of an entity or a link at its end; all of it where that is all."""
    return _OPEN_AT_END.sub("", cut) or cut


def cost(blocks: Sequence[Block]) -> int:
    """What a message's blocks count against MAX_MESSAGE_CHARS."""
    return sum(BLOCK_COST_CHARS + sum(map(len, _texts(block))) for block in blocks)


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for name, value in part.items():
            if name in ("text", "url") and isinstance(value, str):
                yield value
            else:
                yield from _texts(value)
    elif isinstance(part, list):
        for value in part:
            yield from _texts(value)


def _header(title: str) -> Block:
    text = one_line(title, MAX_HEADER_CHARS)
    while len(escape(text)) > MAX_HEADER_CHARS:
        text = one_line(text, len(text) - 1)
    return {"type": "header", "text": {"type": "plain_text", "text": escape(text), "emoji": True}}


def _mrkdwn(text: str) -> dict[str, Any]:
    # verbatim: a path or a number in it becomes no link.
    # https://docs.slack.dev/reference/block-kit/composition-objects/text-object
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _section(text: str) -> Block:
    return {"type": "section", "text": _mrkdwn(text)}


def _context(text: str) -> Block:
    return {"type": "context", "elements": [_mrkdwn(text)]}


def _titled(section: Section, words: Words) -> str:
    title = f"*{escape(section.title)}*\n"
    if not section.code:
        return title + fit(section.text, NEXT_STEP_CHARS, words)
    limit = CHANGES_CHARS if section.brief else LOG_CHARS if section.keep_end else ERROR_CHARS
    text = section.text.replace(_FENCE, _BROKEN_FENCE)
    return f"{title}{_FENCE}\n{fit(text, limit, words, keep_end=section.keep_end)}\n{_FENCE}"


def _field_blocks(fields: Sequence[Field]) -> Iterator[Block]:
    left = FIELDS_CHARS
    shown = []
    for field in fields:
        text = f"*{escape(one_line(field.name, 60))}*\n{_value(field.value)}"
        left -= len(text)
        if left < 0:
            break
        shown.append(_mrkdwn(text))
    for start in range(0, len(shown), MAX_FIELDS):
        yield {"type": "section", "fields": shown[start : start + MAX_FIELDS]}


def _value(value: str) -> str:
    """In code, where markup means nothing; a backtick would end it."""
    limit = VALUE_CHARS
    text = one_line(value, limit)
    while len(escape(text)) > VALUE_CHARS:
        limit -= 5
        text = one_line(value, limit)
    return f"`{escape(text).replace('`', 'ˋ')}`"


def _others(others: Sequence[IncidentLine], more: int, words: Words) -> str:
    lines = [f"*{escape(words.others)}*"]
    left = OTHERS_CHARS
    for told, other in enumerate(others):
        line = escape(one_line(other.text, OTHER_CHARS))
        if other.link is not None and len(other.link.url) <= MAX_LINK_CHARS:
            line += f" {_text_link(other.link)}"
        left -= len(line)
        if left < 0:
            more += len(others) - told
            break
        lines.append(line)
    if more:
        lines.append(words.more.format(more))
    return "\n".join(lines)


def _text_link(link: Link) -> str:
    return f"<{escape(link.url)}|{escape(link.text)}>"


def _link_blocks(links: Sequence[Link]) -> Iterator[Block]:
    """The first as a button, for a thumb; the others as text."""
    fitting = [link for link in links if len(link.url) <= MAX_LINK_CHARS]
    if fitting:
        button = {
            "type": "button",
            "text": {"type": "plain_text", "text": fitting[0].text},
            "url": fitting[0].url,
        }
        yield {"type": "actions", "elements": [button]}
    if fitting[1:]:
        yield _context(" · ".join(map(_text_link, fitting[1:])))
