"""A message as plain text, for mails, chats without markup, a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from .message import Message, Section
from .wording import Words


def text_form(message: Message, *, max_section_chars: int) -> str:
    """Line after line: title, summary, facts, error and log, the rest of the group, links.

    max_section_chars: of the error and of the log, each; what was cut is said in its place.
    """
    return "\n".join(_lines(message, max_section_chars))


def cut(section: Section, limit: int, words: Words) -> str:
    """The section's text: its beginning, or its end, within the limit."""
    over = len(section.text) - limit
    if over <= 0:
        return section.text
    said = words.cut.format(f"{over:,}")
    if section.keep_end:
        return f"{said}\n{section.text[-limit:]}"
    return f"{section.text[:limit]}\n{said}"


def _lines(message: Message, max_section_chars: int) -> Iterator[str]:
    first, words = message.first, message.words
    heads = words.colon.strip()
    yield message.title
    if first.summary:
        yield from ("", first.summary)
    yield ""
    for field in first.fields:
        yield f"{field.name}{words.colon}{field.value}"
    for section in first.sections:
        yield from ("", f"{section.title}{heads}", cut(section, max_section_chars, words))
    if message.others:
        yield from ("", f"{words.others}{heads}")
        for other in message.others:
            yield f"- {other.text}" + (f" <{other.link.url}>" if other.link else "")
        if message.more:
            yield f"- {words.more.format(message.more)}"
    if first.links:
        yield ""
        yield from (f"{link.text}{words.colon}{link.url}" for link in first.links)
    if message.silence:
        yield from ("", f"{message.silence.title}{heads}", message.silence.text)
    yield from ("", message.footer)
