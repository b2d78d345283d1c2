"""Which number formats change what a person reads, as far as the pipeline's columns go.

Thousand separators, decimals, colours and currency signs do not: the number's own digits say more.
Percent does, zeros in front do, and so does a code's letter that only the format holds.
ECMA-376 part 1, 18.8.31.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Formats 9 and 10 (0% and 0.00%) stand in no file. ECMA-376 part 1, 18.8.30
BUILT_IN = {"9": "0%", "10": "0.00%"}

_TOKEN = re.compile(r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|\[[^\]]*\]|[_*].|(?P<end>;)|(?P<bare>.)')


@dataclass(frozen=True)
class Shown:
    """How numbers of a style are shown.

    hundredfold: 0.055 is 5.5%. after: "%" where the sign is a mere text: 5.5 is 5.5%.
    before, digits: of whole numbers, P000123 is "P" and 6.
    """

    hundredfold: bool = False
    after: str = ""
    before: str = ""
    digits: int = 0


def shown(format_code: str) -> Shown | None:
    """What the format of positive numbers changes; None for nothing."""
    bare = literal = before = ""
    for token in _TOKEN.finditer(format_code):
        if token["end"]:
            break
        text = token["quoted"] or token["escaped"] or ""
        literal += text
        if "0" not in bare:
            before += text
        # Blanks and hyphens between digits show as they are; codes lose them anyway.
        bare += (token["bare"] or "").strip("- ")
    if "%" in bare:
        return Shown(hundredfold=True)
    if "%" in literal:
        return Shown(after="%")
    letters = "".join(re.findall("[A-Za-z0-9]", before))
    if set(bare) == {"0"} and (letters or len(bare) > 1):
        return Shown(before=letters, digits=len(bare))
    return None
