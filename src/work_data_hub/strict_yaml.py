"""YAML that hides nothing: duplicate keys and aliases are refused, every fault has its line.

Used for data_sources.yml and alerts.yml. Files are read by people at night, so an error is one
sentence a fault: `alerts.yml:12: route.receiver: ...`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from yaml.reader import ReaderError

# So much of a file is read, validated and refused within a second, whatever is in it.
MAX_BYTES = 1_048_576
MAX_DEPTH = 32
MAX_VALUES = 15_000
MAX_FAULTS_TOLD = 50
# Of numbers, dates and the like. Some take a time that grows with the square of their length.
MAX_CHARS_OF_A_NUMBER = 100
# Of a key, and of what is wrong with it. Either can hold what was written, a megabyte of it.
MAX_CHARS_TOLD = 400

# libyaml takes a time for these that grows with the square of their number.
_TAG_DIRECTIVE = re.compile(r"^%TAG", re.MULTILINE)
_TEXT = "tag:yaml.org,2002:str"

Key = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: the line (from 1), the dotted key, and what was expected."""

    line: int | None
    key: str
    problem: str


class ConfigError(Exception):
    """A configuration file cannot be used. Its text lists the faults, one a line.

    faults: the first 50 of those that were found. more: how many there are beside them.
    """

    def __init__(self, path: Path | str, faults: Sequence[Fault], *, more: int = 0) -> None:
        self.path = Path(path)
        self.faults = tuple(faults[:MAX_FAULTS_TOLD])
        self.more = more + len(faults) - len(self.faults)
        lines = [self._sentence(fault) for fault in self.faults]
        if self.more:
            lines.append(f"and {self.more} more")
        super().__init__("\n".join(lines))

    def _sentence(self, fault: Fault) -> str:
        where = f"{self.path}:{fault.line}" if fault.line else str(self.path)
        parts = (where, _shortened(fault.key), _shortened(fault.problem))
        return ": ".join(part for part in parts if part)


def _shortened(text: str) -> str:
    """Its middle left out where it is too long to be read."""
    if len(text) <= MAX_CHARS_TOLD:
        return text
    half = MAX_CHARS_TOLD // 2
    return f"{text[:half]} ... {text[-half:]}"


@dataclass(frozen=True)
class Document:
    """A parsed file: plain data, and the line of every key.

    texts: what was written where the data holds a number, a truth value, a date or nothing.
    """

    path: Path
    data: Any
    lines: dict[Key, int]
    texts: dict[Key, str] = field(default_factory=dict)

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
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ConfigError(
                path, [Fault(None, "", f"is too large, of its bytes at most {MAX_BYTES} are read")]
            )
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigError(path, [Fault(None, "", "is not UTF-8 text")]) from None
    except OSError as err:
        problem = f"cannot be read: {err.strerror or err}"
        raise ConfigError(path, [Fault(None, "", problem)]) from err
    return parse(text, path)


def parse(text: str, path: Path) -> Document:
    """As `read`, from text already in hand."""
    # libyaml reads a file of the largest size in a second; without it, it takes ten.
    loader_type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader = None
    if tag := _TAG_DIRECTIVE.search(text):
        at = text.count("\n", 0, tag.start()) + 1
        raise ConfigError(path, [Fault(at, "", "%TAG is not read")])
    try:
        loader = loader_type(text)
        reading = _Reading(loader, path)
        return Document(path, reading.document(), reading.lines, reading.texts)
    except ReaderError as err:
        fault = Fault(_line_of_position(text, err), "", f"is not YAML: {err.reason}")
        raise ConfigError(path, [fault]) from None
    except UnicodeEncodeError:
        raise ConfigError(path, [Fault(None, "", "is not UTF-8 text")]) from None
    except yaml.YAMLError as err:
        mark = getattr(err, "problem_mark", None) or getattr(err, "context_mark", None)
        problem = getattr(err, "problem", None) or str(err)
        line = None if mark is None else mark.line + 1
        raise ConfigError(path, [Fault(line, "", f"is not YAML: {problem}")]) from None
    finally:
        if loader is not None:
            loader.dispose()


def _line_of_position(text: str, err: ReaderError) -> int:
    # libyaml counts bytes, PyYAML characters; no line ends within a character.
    before = text.encode()[: err.position] if err.encoding == "utf-8" else text[: err.position]
    return len(before.splitlines()) or 1


class _Reading:
    """One pass over the parser's events, so that a fault ends it where it stands."""

    def __init__(self, loader: Any, path: Path) -> None:
        self._loader = loader
        self._path = path
        self.lines: dict[Key, int] = {}
        self.texts: dict[Key, str] = {}
        self._values = 0

    def document(self) -> Any:
        """The data of the one document; None when there is none."""
        data = None
        while not isinstance(event := self._next(), yaml.StreamEndEvent):
            if isinstance(event, yaml.DocumentStartEvent) and () in self.lines:
                raise self._fault(event, (), "is not YAML: a second document begins")
            if not isinstance(
                event, (yaml.StreamStartEvent, yaml.DocumentStartEvent, yaml.DocumentEndEvent)
            ):
                data = self._value(event, ())
        return data

    def _next(self) -> Any:
        return self._loader.get_event()

    def _fault(self, event: Any, key: Key, problem: str) -> ConfigError:
        line = event.start_mark.line + 1 if event.start_mark else None
        return ConfigError(self._path, [Fault(line, dotted(key), problem)])

    def _value(self, event: Any, key: Key) -> Any:
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            raise self._fault(event, (), "aliases and anchors are not read; write it out")
        self._values += 1
        if self._values > MAX_VALUES:
            raise self._fault(event, (), f"is too large, more than {MAX_VALUES} values")
        self.lines.setdefault(key, event.start_mark.line + 1)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, key)
        if len(key) >= MAX_DEPTH:
            raise self._fault(event, (), f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(key)
        return self._mapping(key)

    def _list(self, key: Key) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._value(event, (*key, len(items))))
        return items

    def _mapping(self, key: Key) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            is_text = isinstance(event, yaml.ScalarEvent) and not event.anchor
            if not is_text or event.value == "<<":
                if getattr(event, "anchor", None):
                    raise self._fault(event, (), "aliases and anchors are not read; write it out")
                raise self._fault(event, key, "a key must be plain text")
            child = (*key, event.value)
            if event.value in mapping:
                raise self._fault(event, child, f"stands twice, first in line {self.lines[child]}")
            self.lines[child] = event.start_mark.line + 1
            mapping[event.value] = self._value(self._next(), child)
        return mapping

    def _scalar(self, event: Any, key: Key) -> Any:
        """One value. 2024-13-45 looks like a date to YAML and is none."""
        tag = event.tag
        if tag is None or tag == "!":
            tag = self._loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        if tag == _TEXT:
            return event.value
        if len(event.value) > MAX_CHARS_OF_A_NUMBER:
            raise self._fault(event, key, "is no number, date or the like; put text in quotes")
        self.texts[key] = event.value
        node = yaml.ScalarNode(tag, event.value, event.start_mark, event.end_mark)
        try:
            return self._loader.construct_object(node)
        except (ValueError, OverflowError) as err:
            raise self._fault(event, key, f"{err}; put text in quotes") from None


def validate(
    document: Document,
    model: type[Model],
    *,
    data: Any = None,
    written_at: Mapping[Key, Key] | None = None,
    context: object = None,
) -> Model:
    """The document as a pydantic model. Raises ConfigError with its faults, values left out.

    data: what to validate in place of the document's own (interpolated, say), of the same shape.
    written_at: for a key that was filled in, the key it was taken from.
    context: handed to the model's validators.
    """
    try:
        return model.model_validate(document.data if data is None else data, context=context)
    except ValidationError as err:
        found = err.errors(include_url=False, include_context=False, include_input=False)
        told = [_fault(document, fault, written_at or {}) for fault in found[:MAX_FAULTS_TOLD]]
        raise ConfigError(document.path, told, more=len(found) - len(told)) from None


def _fault(document: Document, error: Any, written_at: Mapping[Key, Key]) -> Fault:
    problem = {
        "extra_forbidden": "is not known here",
        "missing": "is missing",
        "dict_type": "must be keys and their values",
        "model_type": "must be keys and their values",
    }.get(error["type"], error["msg"].removeprefix("Value error, "))
    key = tuple(error["loc"])
    for length in range(len(key), 0, -1):
        if key[:length] in written_at:
            key = (*written_at[key[:length]], *key[length:])
            break
    if error["type"] != "missing":
        # pydantic adds names of its own, such as the member of a union that was tried.
        while key and key not in document.lines:
            key = key[:-1]
    return Fault(document.line_of(key), dotted(key), problem)
