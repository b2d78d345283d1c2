"""`${NAME}` and `${NAME:-default}` in a parsed file, on string leaves only.

`$${` stands for a plain `${`. A variable that is set to nothing counts as unset.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..strict_yaml import MAX_BYTES, Document, Fault, Key, dotted

# A reference without its end runs to the end of the text: so that none is looked through twice.
_REFERENCE = re.compile(
    r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)?(?::-(?P<value>[^}]*))?(?P<end>\})?"
)
# A variable can be as long as the system lets it, and named a hundred thousand times.
MAX_FILLED_CHARS = MAX_BYTES


@dataclass(frozen=True)
class Interpolated:
    """The data with every reference filled in.

    emptied: leaves that a `${NAME:-}` left empty, each with the variables it names.
    """

    data: Any
    emptied: Mapping[Key, tuple[str, ...]]
    faults: tuple[Fault, ...]


def interpolate(document: Document, environ: Mapping[str, str]) -> Interpolated:
    """Fills in the document's references. Faults are collected, and name no value."""
    emptied: dict[Key, tuple[str, ...]] = {}
    faults: list[Fault] = []
    chars_left = MAX_FILLED_CHARS

    def leaf(text: str, key: Key) -> str:
        names: list[str] = []
        problems: dict[str, None] = {}

        def fill(match: re.Match[str]) -> str:
            nonlocal chars_left
            if match[0] == "$${":
                return "${"
            name = match["name"]
            if name is None or match["end"] is None:
                problems["write ${NAME} or ${NAME:-default}"] = None
                return ""
            names.append(name)
            value = environ.get(name) or match["value"]
            if value is None:
                problems[f"the environment variable {name} is not set"] = None
                return ""
            chars_left -= len(value)
            if chars_left < 0:
                problems[f"variables come to more than {MAX_FILLED_CHARS} characters"] = None
                return ""
            return value

        filled = _REFERENCE.sub(fill, text)
        faults.extend(_fault(document, key, problem) for problem in problems)
        if names and not filled:
            emptied[key] = tuple(names)
        return filled

    def walk(node: Any, key: Key) -> Any:
        if isinstance(node, str):
            return leaf(node, key)
        if isinstance(node, list):
            return [walk(item, (*key, i)) for i, item in enumerate(node)]
        if isinstance(node, dict):
            return {name: walk(item, (*key, name)) for name, item in node.items()}
        return node

    data = walk(document.data, ())
    return Interpolated(data, emptied, tuple(faults))


def _fault(document: Document, key: Key, problem: str) -> Fault:
    return Fault(document.line_of(key), dotted(key), problem)
