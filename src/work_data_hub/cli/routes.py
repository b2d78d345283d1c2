"""`wdh alerts routes`: the routing tree, and which receivers an alert of some labels goes to.

`test` prints what `amtool config routes test` prints for the same file and labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Json

if TYPE_CHECKING:
    from ..alerting.config import AlertsConfig
    from ..alerting.route import Route

routes_app = typer.Typer(name="routes", help="The routing tree.", no_args_is_help=True)

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="alerts.yml; default: WDH_ALERTS_CONFIG, else ./alerts.yml."),
]


def loaded(file: Path | None) -> AlertsConfig:
    """The file, or the one that the router reads. A file that is named must be there."""
    from ..alerting.config import load
    from ..locations import alerts_config

    if file is not None and not file.exists():
        raise typer.BadParameter(f"{file} is not there")
    return load(file or alerts_config())


@routes_app.command()
def show(config: ConfigOption = None, as_json: Json = False) -> None:
    """The tree: each route with its matchers, its receiver and what it has of its own."""
    from .console import console, show_json

    root = loaded(config).route
    if as_json:
        show_json(_document(root))
        return
    for line in _lines(root):
        console().print(line, soft_wrap=True, markup=False)


@routes_app.command()
def test(
    labels: Annotated[
        list[str] | None, typer.Argument(help="job=x severity=critical ...; a value may be quoted.")
    ] = None,
    config: ConfigOption = None,
    as_json: Json = False,
) -> None:
    """The receivers that an alert of these labels goes to, in order, joined by commas."""
    from ..alerting.route import receivers_for
    from .console import show_json

    taken = receivers_for(loaded(config).route, alert_labels(labels or []))
    if as_json:
        show_json([{"receiver": route.receiver, "route": route.id} for route in taken])
        return
    print(",".join(route.receiver for route in taken))  # noqa: T201 - for scripts, as it is


def alert_labels(texts: list[str]) -> dict[str, str]:
    """`name=value`, read as a matcher is; of a name that stands twice the last counts."""
    from ..alerting.matchers import Op, parse_one

    labels = {}
    for text in texts:
        try:
            text.encode()
            matcher = parse_one(text)
        except UnicodeEncodeError:
            raise typer.BadParameter(f"{text!r} is not UTF-8") from None
        except ValueError:
            raise typer.BadParameter(f"{text!r} is not of the form name=value") from None
        if matcher.op is not Op.EQUAL:
            raise typer.BadParameter(f"{text!r} is not of the form name=value")
        labels[matcher.name] = matcher.value
    return labels


def _lines(route: Route, depth: int = 0) -> Iterator[str]:
    yield "  " * depth + _line(route)
    for child in route.routes:
        yield from _lines(child, depth + 1)


def _line(route: Route) -> str:
    from ..alerting.matchers import text_of
    from ..alerting.timing import duration_text

    by = "..." if route.group_by is None else ", ".join(sorted(route.group_by))
    parts = [
        text_of(route.matchers) if route.matchers else "everything",
        f"-> {route.receiver}",
        f"group_by [{by}]",
        f"wait {duration_text(route.group_wait_s)},"
        f" interval {duration_text(route.group_interval_s)},"
        f" repeat {duration_text(route.repeat_interval_s)}",
        *(f"muted in {name}" for name in route.mute_time_intervals),
        *(f"active in {name}" for name in route.active_time_intervals),
        *(["continue"] if route.continue_ else []),
    ]
    return "  ".join(parts)


def _document(route: Route) -> dict[str, object]:
    return {
        "id": route.id,
        "matchers": [str(matcher) for matcher in route.matchers],
        "receiver": route.receiver,
        "group_by": ["..."] if route.group_by is None else sorted(route.group_by),
        "group_wait_s": route.group_wait_s,
        "group_interval_s": route.group_interval_s,
        "repeat_interval_s": route.repeat_interval_s,
        "continue": route.continue_,
        "mute_time_intervals": list(route.mute_time_intervals),
        "active_time_intervals": list(route.active_time_intervals),
        "routes": [_document(child) for child in route.routes],
    }
