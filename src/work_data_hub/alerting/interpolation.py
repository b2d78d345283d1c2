"""`${NAME}` and `${NAME:-default}` in a parsed file, on string leaves only.

`$${` stands for a plain `${`. A variable that is set to nothing counts as unset.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..strict_yaml import Document, Fault, Key, dotted

_REFERENCE = re.compile(
    r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-(?P<value>[^}]*))?\}|\$\{"
)


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

    def leaf(text: str, key: Key) -> str:
        names: list[str] = []

        def fill(match: re.Match[str]) -> str:
            if match[0] == "$${":
                return "${"
            name = match["name"]
            if name is None:
                faults.append(_fault(document, key, "write ${NAME} or ${NAME:-default}"))
                return ""
            names.append(name)
            value = environ.get(name) or match["value"]
            if value is None:
                faults.append(_fault(document, key, f"the environment variable {name} is not set"))
                return ""
            return value

        filled = _REFERENCE.sub(fill, text)
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
