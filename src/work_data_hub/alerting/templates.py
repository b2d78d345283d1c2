"""The operator's own words: Jinja2 in those keys of alerts.yml that a message has a place for.

The template's author is the operator, its data come from anywhere. So text of an alert is never a
template, and wherever it is put out it is escaped for the place it goes to. The sandbox and the
limits here are against mistakes: whatever a template does, it ends soon, and when it fails our own
text stands in its place, for an alert must not be lost through the words it is told in.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, ValidationInfo

from .plain_text import one_line, plain
from .regex import Allowance
from .template_data import NAMES, template_data

if TYPE_CHECKING:
    import jinja2

    from .sink import Notification

MAX_OUTPUT_BYTES = 65_536
# Of processor time: a busy machine fails nothing.
MAX_CPU_S = 1.0
# Of statements within each other. Jinja2 takes seconds over hundreds, Python none above 20.
MAX_DEPTH = 10
# Of a number: wide enough for any cut, too small for filling memory with blanks.
MAX_NUMBER = 100_000

Escape = Callable[[str], str]

_MARKS = re.compile(r"\{[{%#]")
# What begins an action of Alertmanager's: `.Alerts`, `$x`, a keyword, a function and its argument.
_GO = re.compile(
    r"\{\{-?\s*\(*(?:[.$`]|/\*"
    r"|(?:template|range|define|block|with|if|else|end|break|continue)\b(?!\s*[(.|\[])"
    r"|(?!not\b)\w+\s+(?:[\"`$]|\.[A-Z]))"
)
# No name that a template could write, so none it could change.
_STARTED = "wdh started"
_COUNTED = "wdh counted"
# Filters that hand out markup as if it were ours, or strings as wide as a format says.
_REFUSED_FILTERS = ("safe", "urlize", "xmlattr", "format")


def is_go(text: str) -> bool:
    """A template of Alertmanager's own language."""
    return _GO.search(text) is not None


def holds_marks(text: str) -> bool:
    """It is a template of either language, and no plain text."""
    return _MARKS.search(text) is not None


def _checked(text: str, info: ValidationInfo) -> str:
    if holds_marks(text) and not is_go(text):
        if isinstance(info.context, Allowance):
            info.context.take_template(text)
        _compiled(text, str)
    return text


# A text of alerts.yml that may be a template. One that cannot be read is a fault of the file.
TemplateText = Annotated[str, AfterValidator(_checked)]


@dataclass(frozen=True)
class Filled:
    """Texts by key; ours stands where there is none. failed: templates that could not be filled."""

    texts: Mapping[str, str]
    failed: int = 0


class Templates:
    """Those of one integration. An empty text, and one in Go's language, count as not written."""

    def __init__(self, kind: str, **keys: tuple[str | None, Escape]) -> None:
        """keys: the text as written, and how data is escaped in it."""
        self._kind = kind
        self._literal = {k: plain(t) for k, (t, _) in keys.items() if t and not holds_marks(t)}
        self._compiled = {
            key: _compiled(text, escape)
            for key, (text, escape) in keys.items()
            if text and holds_marks(text) and not is_go(text)
        }

    def fill_in(self, notification: Notification, *, title: str) -> Filled:
        """title: ours, for templates to put to use. What comes out blank is left out."""
        texts = dict(self._literal)
        failed = 0
        data = template_data(notification, title=title) if self._compiled else {}
        for key, template in self._compiled.items():
            try:
                texts[key] = rendered(template, data)
            # Whatever an expression of the operator's raises, the alert is told, in our words.
            except Exception as err:  # noqa: BLE001
                failed += 1
                _tell(notification.receiver, f"{self._kind}_configs.{key}", err)
        return Filled({key: text for key, text in texts.items() if text.strip()}, failed)


def _tell(receiver: str, key: str, err: Exception) -> None:
    from .logs import logger  # structlog brings ssl, which whoever only reads alerts.yml spares

    problem = one_line(f"{type(err).__name__}: {err}", 200)
    logger(__name__).error("template.failed", receiver=receiver, key=key, error=problem)


def rendered(
    template: jinja2.Template,
    data: Mapping[str, Any],
    *,
    cpu_s: Callable[[], float] = time.thread_time,
) -> str:
    """The text, at most 64 kB of it, without control characters.

    Raises whatever a template's expressions can raise, and TimeoutError after a second.
    """
    pieces: list[str] = []
    left = MAX_OUTPUT_BYTES
    stop_at = cpu_s() + MAX_CPU_S

    def check() -> None:
        if cpu_s() > stop_at:
            raise TimeoutError(f"the template takes longer than {MAX_CPU_S:g} s")

    for piece in template.generate({**data, _STARTED: check}):
        encoded = piece.encode(errors="replace")
        pieces.append(encoded[:left].decode(errors="ignore"))
        left -= len(encoded)
        if left <= 0:
            break
    return plain("".join(pieces))


def _compiled(text: str, escape: Escape) -> jinja2.Template:
    """Raises ValueError that says, in Jinja2's words where it has any, what is wrong and where."""
    import jinja2
    from jinja2 import meta, nodes

    environment = _environment(escape)
    try:
        tree = environment.parse(text)
        for line, problem in _problems(tree):
            raise ValueError(f"is no template of ours, in its line {line}: {problem}")
        own = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"}
        asked = meta.find_undeclared_variables(tree)
        if unknown := sorted(asked - own - NAMES - {"range"}):
            known = ", ".join(sorted(NAMES))
            raise ValueError(f"is a template with no value for {unknown[0]!r}; there are {known}")
        for loop in tree.find_all(nodes.For):
            loop.iter = nodes.Filter(loop.iter, _COUNTED, [], [], None, None, lineno=loop.lineno)
        tree.set_environment(environment)
        return environment.from_string(tree)
    except jinja2.TemplateSyntaxError as err:
        problem = f"is no Jinja2 template, in its line {err.lineno}: {err.message}"
        raise ValueError(problem) from None
    except (SyntaxError, RecursionError, MemoryError):
        raise ValueError("is a template nested too deep") from None


def _problems(tree: Any) -> Iterator[tuple[int, str]]:
    """What would hold back output, or go round, or be large beyond measure."""
    from jinja2 import nodes

    known = (nodes.Output, nodes.For, nodes.If, nodes.Assign, nodes.With)
    for statement in tree.find_all(nodes.Stmt):
        if not isinstance(statement, known) or getattr(statement, "recursive", False):
            yield statement.lineno, "only if, for, set and with are read in {% %}"
    if _depth(tree) > MAX_DEPTH:
        yield 1, f"more than {MAX_DEPTH} of if, for and with stand within each other"
    for attribute in tree.find_all(nodes.Getattr):
        if attribute.attr.startswith("_"):
            yield attribute.lineno, f"{attribute.attr} is not for templates"
    for constant in tree.find_all(nodes.Const):
        if (
            isinstance(constant.value, int | float)
            and not -MAX_NUMBER <= constant.value <= MAX_NUMBER
        ):
            yield constant.lineno, f"numbers go to {MAX_NUMBER}"


def _depth(node: Any) -> int:
    from jinja2 import nodes

    is_nested = isinstance(node, nodes.For | nodes.If | nodes.With)
    return is_nested + max(map(_depth, node.iter_child_nodes()), default=0)


@cache
def _environment(escape: Escape) -> jinja2.Environment:
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range
    from markupsafe import Markup

    class Sandbox(ImmutableSandboxedEnvironment):
        """No loader, no state, no wide strings; a name that is not there is an error."""

        intercepted_binops = frozenset({"*", "**", "%"})

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            if operator == "**" or not all(isinstance(n, int | float) for n in (left, right)):
                raise jinja2.exceptions.SecurityError(f"{operator} is only for numbers")
            found = super().call_binop(context, operator, left, right)
            if abs(found) > MAX_NUMBER:
                raise jinja2.exceptions.SecurityError(f"numbers go to {MAX_NUMBER}")
            return found

        def wrap_str_format(self, value: Any) -> Any:
            if super().wrap_str_format(value) is not None:
                raise jinja2.exceptions.SecurityError("str.format is not for templates")

    def escaped(value: object) -> Any:
        return value if hasattr(value, "__html__") else Markup(escape(str(value)))  # noqa: S704

    @jinja2.pass_context
    def counted(context: Any, items: Iterable[Any]) -> Iterator[Any]:
        check = context[_STARTED]
        for item in items:
            check()
            yield item

    environment = Sandbox(autoescape=True, undefined=jinja2.StrictUndefined, finalize=escaped)
    environment.globals = {"range": safe_range}
    environment.filters[_COUNTED] = counted
    for name in _REFUSED_FILTERS:
        del environment.filters[name]
    return environment
