"""Texts that people wrote or programs threw, made fit to be shown."""

from __future__ import annotations

import re

_NOISE = re.compile(
    "\x1b\\[[0-?]*[ -/]*[@-~]"  # terminal colours
    "|[\x00-\x08\x0b-\x1f\x7f-\x9f]"  # control characters, but tab and newline
    "|[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"  # text direction
)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_SPACE = re.compile(r"\s+")


def plain(text: str) -> str:
    """The text without what a terminal or a bidirectional renderer would act on."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")  # a progress bar's too
    return _LONE_SURROGATE.sub("\ufffd", _NOISE.sub("", lines)).strip("\n")


def one_line(text: str, limit: int | None = None) -> str:
    """The text on one line; with a limit, cut at that many characters, the last one `…`."""
    # Of 60 kB, what shows is near the start.
    near = text if limit is None else text[: 4 * limit + 100]
    line = _SPACE.sub(" ", plain(near)).strip()
    if limit is None or (len(line) <= limit and len(near) == len(text)):
        return line
    return line[: limit - 1].rstrip() + "…"
