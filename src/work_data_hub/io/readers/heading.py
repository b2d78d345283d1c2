"""Where the heading of a sheet is, and what its columns are called."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from ...domain.trustee_performance.headings import meaning

# A heading further down than this is not looked for.
SEARCHED_ROWS = 50

Row = Sequence[str | None]
Names = tuple[str | None, ...]


@dataclass(frozen=True)
class Heading:
    """names: one a column, None where nothing stands. rows: down to its last row, from the top.

    filled: the columns with a cell in that last row; they tie columns to the sheet's letters.
    """

    names: tuple[str | None, ...]
    rows: int
    filled: tuple[int, ...]


def heading_text(cell: str | None) -> str | None:
    """A heading as it is compared and kept: NFKC, white space reduced to single blanks.

    Chinese headings lose it altogether: 计划 over 代码 in one cell is 计划代码.
    """
    words = unicodedata.normalize("NFKC", cell or "").split()
    if not words:
        return None
    between = " " if all(word.isascii() for word in words) else ""
    return between.join(words)


def find_heading(rows: Sequence[Row]) -> Heading | None:
    """The heading among the top rows of a sheet; None when they are blank.

    It is the first row that names the most columns the pipeline knows, at least two. Where the
    row below names further ones under an empty or unknown cell, the two are one heading that is
    merged over both. A sheet without known columns: its first row with more than one cell, else
    the first with any.
    """
    texts = [tuple(heading_text(cell) for cell in row) for row in rows[:SEARCHED_ROWS]]
    names, height = _named(texts)
    if names is None:
        return None
    last = rows[height - 1]
    return Heading(names, height, tuple(i for i, cell in enumerate(last) if cell is not None))


def _named(texts: Sequence[Names]) -> tuple[Names | None, int]:
    known = [len({meaning(text) for text in row if text} - {None}) for row in texts]
    best = max(known, default=0)
    if best < 2:
        filled = [sum(text is not None for text in row) for row in texts]
        wanted = min(2, max(filled, default=0))
        top = next((i for i, count in enumerate(filled) if count >= wanted > 0), None)
        return (None, 0) if top is None else (texts[top], top + 1)
    top = known.index(best)
    if top > 0 and (both := _merged(texts[top - 1], texts[top])):
        return both, top + 1
    if top + 1 < len(texts) and (both := _merged(texts[top], texts[top + 1])):
        return both, top + 2
    return texts[top], top + 1


def _merged(upper: Names, lower: Names) -> Names | None:
    """Two rows as one heading, if each names known columns and nowhere two cells compete."""
    upper_knows = [bool(text and meaning(text)) for text in upper]
    lower_knows = [bool(text and meaning(text)) for text in lower]
    if not any(upper_knows) or not any(lower_knows):
        return None
    if any(knows and text for knows, text in zip(upper_knows, lower, strict=True)):
        return None
    pairs = zip(upper, lower, strict=True)
    return tuple(below or above for above, below in pairs)
