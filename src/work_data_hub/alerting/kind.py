"""What a kind of sink is made of; a plug-in package brings one `Kind`, the catalog lists them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, get_args

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

if TYPE_CHECKING:
    from .http import HttpSession
    from .redact import Redactor
    from .sink import AlertSink

MAX_SECRET_FILE_BYTES = 65_536


class ConfigPart(BaseModel):
    """A mapping in alerts.yml. Secrets are `SecretStr`, unknown keys refused.

    In place of a secret `x` there may be `x_file`, the whole path of a file that holds it. It is
    read with alerts.yml: so its content is known to whatever keeps secrets out of texts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        given = dict(data)
        for key in _secret_keys(cls):
            if f"{key}_file" not in given:
                continue
            path = given.pop(f"{key}_file")
            if path is None:
                continue
            if given.get(key) is not None:
                raise _fault(cls, f"{key}_file", f"stands beside {key}; give one of them")
            try:
                given[key] = _secret_in(path)
            except ValueError as err:
                raise _fault(cls, f"{key}_file", str(err)) from None
        return given


class SinkConfig(ConfigPart):
    """One entry of `<kind>_configs` in alerts.yml.

    send_resolved: whether the dispatcher hands RESOLVE to this integration.
    """

    send_resolved: bool = True

    def notes(self) -> tuple[str, ...]:
        """What whoever wrote this entry should know; `check` says it."""
        return ()

    def replaced(self) -> tuple[str, ...]:
        """Keys that Alertmanager reads and we accept, but in whose place we put our own."""
        return ()


class Build(Protocol):
    """Makes the sink of one integration. Opens nothing: no network, no file."""

    def __call__(self, config: Any, *, redact: Redactor, http: HttpSession | None) -> AlertSink:
        """`http` is the session to send through; None means one of the sink's own."""
        ...


@dataclass(frozen=True)
class Kind:
    """name: `slack` gives the key `slack_configs`. model: what an entry of that list may hold.

    globals: for a key of an entry, the key under `global:` that stands in where it is not given.
    one_of: keys of which an entry has exactly one. A global one stands in where it has none.
    hears_each_end: a machine reads it, and with send_resolved on it is told when an incident is
    over while others of its group fire. People are not: the end of the group is theirs.
    """

    name: str
    model: type[SinkConfig]
    build: Build
    globals: Mapping[str, str] = field(default_factory=dict)
    one_of: frozenset[str] = frozenset()
    hears_each_end: bool = False

    def required(self) -> set[str]:
        """Keys that an entry must have."""
        fields = self.model.model_fields.items()
        return {about.alias or name for name, about in fields if about.is_required()}

    def is_secret(self, key: str) -> bool:
        """Its value must not show, and `<key>_file` can be given in its place."""
        return key in _secret_keys(self.model)


@cache
def _secret_keys(model: type[BaseModel]) -> tuple[str, ...]:
    """Looked up once: a file may hold thousands of entries."""
    fields = model.model_fields.items()
    return tuple(about.alias or name for name, about in fields if _holds_a_secret(about.annotation))


def _holds_a_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(map(_holds_a_secret, get_args(annotation)))


def _secret_in(path: Any) -> str:
    """The file's text, white space around it gone. Raises ValueError with none of its content."""
    if not isinstance(path, str) or not Path(path).is_absolute():
        raise ValueError("must be a whole path, from the root")
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_SECRET_FILE_BYTES + 1)
    except OSError as err:
        raise ValueError(f"cannot be read: {err.strerror}") from None
    try:
        text = content.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None
    if not text or len(content) > MAX_SECRET_FILE_BYTES:
        raise ValueError("is empty" if not text else "is too long for a secret")
    return text


def _fault(model: type[BaseModel], key: str, problem: str) -> ValidationError:
    about = PydanticCustomError("secret_file", "{problem}", {"problem": problem})
    return ValidationError.from_exception_data(
        model.__name__, [InitErrorDetails(type=about, loc=(key,), input=None)], hide_input=True
    )
