"""YAML that hides nothing: duplicate keys and aliases are refused, every fault has its line.

Used for data_sources.yml and alerts.yml. Files are read by people at night, so an error is one
sentence a fault: `alerts.yml:12: route.receiver: ...`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from yaml.reader import ReaderError

MAX_BYTES = 1_048_576
MAX_DEPTH = 32

Key = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: the line (from 1), the dotted key, and what was expected."""

    line: int | None
    key: str
    problem: str


class ConfigError(Exception):
    """A configuration file cannot be used. Its text lists every fault, one a line."""

    def __init__(self, path: Path | str, faults: Sequence[Fault]) -> None:
        self.path = Path(path)
        self.faults = tuple(faults)
        super().__init__("\n".join(self._sentence(fault) for fault in faults))

    def _sentence(self, fault: Fault) -> str:
        where = f"{self.path}:{fault.line}" if fault.line else str(self.path)
        return (
            f"{where}: {fault.key}: {fault.problem}" if fault.key else f"{where}: {fault.problem}"
        )


@dataclass(frozen=True)
class Document:
    """A parsed file: plain data, and the line of every key."""

    path: Path
    data: Any
    lines: dict[Key, int]

    def line_of(self, key: Iterable[str | int]) -> int | None:
        """The line of the key, or of its nearest parent that is written down."""
        parts = tuple(key)
        while parts:
            if parts in self.lines:
                return self.lines[parts]
            parts = parts[:-1]
        return self.lines.get(())

    def error(self, key: Iterable[str | int], problem: str) -> ConfigError:
        parts = tuple(key)
        return ConfigError(self.path, [Fault(self.line_of(parts), dotted(parts), problem)])


def dotted(key: Iterable[str | int]) -> str:
    """`("receivers", 0, "name")` as `receivers[0].name`."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def read(path: Path) -> Document:
    """The file as plain data. Raises ConfigError, also when it is missing or too large."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ConfigError(
                path, [Fault(None, "", f"{size} bytes; at most {MAX_BYTES} are read")]
            )
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError(path, [Fault(None, "", "is not UTF-8 text")]) from None
    except OSError as err:
        problem = f"cannot be read: {err.strerror or err}"
        raise ConfigError(path, [Fault(None, "", problem)]) from err
    return parse(text, path)


def parse(text: str, path: Path) -> Document:
    """As `read`, from text already in hand."""
    lines: dict[Key, int] = {}
    try:
        _refuse_aliases(text, path)
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            data = None if node is None else _plain(loader, node, (), lines, path)
        finally:
            loader.dispose()
    except ReaderError as err:
        fault = Fault(text.count("\n", 0, err.position) + 1, "", f"is not YAML: {err.reason}")
        raise ConfigError(path, [fault]) from None
    except yaml.YAMLError as err:
        mark = getattr(err, "problem_mark", None) or getattr(err, "context_mark", None)
        problem = getattr(err, "problem", None) or str(err)
        line = None if mark is None else mark.line + 1
        raise ConfigError(path, [Fault(line, "", f"is not YAML: {problem}")]) from None
    return Document(path, data, lines)


def _refuse_aliases(text: str, path: Path) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else None
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ConfigError(
                path, [Fault(line, "", "aliases and anchors are not read; write it out")]
            )
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise ConfigError(path, [Fault(line, "", f"nested deeper than {MAX_DEPTH} levels")])
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _plain(
    loader: yaml.SafeLoader, node: yaml.Node, key: Key, lines: dict[Key, int], path: Path
) -> Any:
    lines.setdefault(key, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(loader, item, (*key, i), lines, path) for i, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return _scalar(loader, node, key, path)
    mapping: dict[str, Any] = {}
    for key_node, value_node in node.value:
        name = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
        line = key_node.start_mark.line + 1
        if name is None or name == "<<":
            raise ConfigError(path, [Fault(line, dotted(key), "a key must be plain text")])
        child = (*key, name)
        if name in mapping:
            first = lines[child]
            raise ConfigError(
                path, [Fault(line, dotted(child), f"stands twice, first in line {first}")]
            )
        lines[child] = line
        mapping[name] = _plain(loader, value_node, child, lines, path)
    return mapping


def _scalar(loader: yaml.SafeLoader, node: yaml.Node, key: Key, path: Path) -> Any:
    """One value. 2024-13-45 looks like a date to YAML and is none."""
    try:
        return loader.construct_object(node)
    except (ValueError, OverflowError) as err:
        fault = Fault(node.start_mark.line + 1, dotted(key), f"{err}; put text in quotes")
        raise ConfigError(path, [fault]) from None


def validate(document: Document, model: type[Model], *, data: Any = None) -> Model:
    """The document as a pydantic model. Raises ConfigError with every fault, values left out.

    data: what to validate in place of the document's own (interpolated, say), of the same shape.
    """
    try:
        return model.model_validate(document.data if data is None else data)
    except ValidationError as err:
        faults = [_fault(document, fault) for fault in err.errors(include_input=False)]
        raise ConfigError(document.path, faults) from None


def _fault(document: Document, error: Any) -> Fault:
    problem = {
        "extra_forbidden": "is not known here",
        "missing": "is missing",
        "dict_type": "must be keys and their values",
        "model_type": "must be keys and their values",
    }.get(error["type"], error["msg"].removeprefix("Value error, "))
    key = tuple(error["loc"])
    if error["type"] != "missing":
        # pydantic adds names of its own, such as the member of a union that was tried.
        while key and key not in document.lines:
            key = key[:-1]
    return Fault(document.line_of(key), dotted(key), problem)
