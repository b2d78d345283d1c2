"""`wdh alerts`: check the configuration, publish, try a receiver; the rest has files of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .alert_router import alert_router
from .dead_letters import dead_letters_app
from .dispatch import dispatch
from .errors import Mistake
from .explain import explain
from .incidents import ack, history, list_incidents, resolve, show
from .options import Json
from .routes import loaded, routes_app
from .silences import silence_app

if TYPE_CHECKING:
    from ..alerting.config import AlertsConfig
    from ..alerting.errors import DeliveryError
    from ..alerting.router import AlertRouter
    from ..alerting.sink import Receipt

alerts_app = typer.Typer(name="alerts", help="The alert router.", no_args_is_help=True)
alerts_app.add_typer(routes_app)
alerts_app.command("list")(list_incidents)
for command in (show, history, ack, resolve, explain, dispatch):
    alerts_app.command()(command)
alerts_app.add_typer(silence_app)
alerts_app.add_typer(dead_letters_app)

_TAKEN = "taken"
_OURS = ", but {} of its templates failed and our text was sent; the log says why"
_OFF = "off: "

ConfigFile = Annotated[
    Path | None, typer.Argument(help="alerts.yml; default: WDH_ALERTS_CONFIG, else ./alerts.yml.")
]


@alerts_app.command()
def check(
    file: ConfigFile = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse also what is read and has no effect.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Read alerts.yml as the router does: every fault with its line and key, and what is off."""
    from ..alerting.errors import ConfigError
    from .console import show_json

    config = loaded(file)
    if strict and config.warnings:
        raise ConfigError(config.path, config.warnings)
    if as_json:
        show_json(
            {
                "file": str(config.path),
                "receivers": {
                    n: [i.name for i in r.integrations] for n, r in config.receivers.items()
                },
                "fallback": config.fallback,
                "disabled": [str(integration) for integration in config.disabled],
                "warnings": config.warning_lines(),
                "notes": config.notes,
            }
        )
        return
    _show_check(config)


def _show_check(config: AlertsConfig) -> None:
    from .console import console, show_table

    show_table(
        f"{config.path}: no fault",
        ["receiver", "tells by", "off"],
        [
            (
                f"{name} (fallback)" if name == config.fallback else name,
                ", ".join(integration.name for integration in receiver.integrations),
                ", ".join(d.name for d in config.disabled if d.receiver == name),
            )
            for name, receiver in config.receivers.items()
        ],
    )
    for line in (*config.caveats(), *config.notes):
        console().print(line, soft_wrap=True, markup=False)


@alerts_app.command()
def send(
    labels: Annotated[list[str], typer.Argument(help="alertname=Name severity=critical k=v ...")],
    summary: Annotated[str, typer.Option(help="What to tell.")] = "",
    resolved: Annotated[bool, typer.Option("--resolved", help="It is over.")] = False,
    as_json: Json = False,
) -> None:
    """Publish an alert, or with --resolved close every open incident that carries the labels."""
    from ..alerting import Alert
    from .console import console, show_json

    pairs = dict(_pair(text) for text in labels)
    with alert_router() as router:
        if resolved:
            closed = router.resolve(pairs)
            if as_json:
                show_json({"closed": closed})
            else:
                console().print(f"{closed} incident(s) closed")
            return
        try:
            alert = Alert(pairs, {"summary": summary} if summary else {})
        except ValueError as err:
            raise Mistake(str(err)) from None
        outcome = router.publish(alert)
    if as_json:
        show_json({"fingerprint": alert.fingerprint, "outcome": outcome})
        return
    console().print(f"{alert.name} {alert.fingerprint}: {outcome.value}")
    console().print(
        "It is told by the next `wdh alerts dispatch --once`, or by the alerting sensor."
    )


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise Mistake(f"{text!r} is not of the form name=value")
    return name, value


@alerts_app.command()
def test(
    receiver: Annotated[str, typer.Argument(help="A receiver of alerts.yml.")],
    as_json: Json = False,
) -> None:
    """Send a test through every integration of a receiver, and print what each answered.

    Nothing is stored. Exit code 1 when one that is on did not take it, a template failed, or none
    is on.
    """
    from .console import show_json, show_table

    with alert_router() as router:
        answers = _try_out(router, receiver)
    if as_json:
        show_json([{"integration": name, "answer": answer} for name, answer in answers])
    else:
        show_table(f"Test of {receiver}", ["integration", "answer"], answers)
    of_those_on = [answer for _, answer in answers if not answer.startswith(_OFF)]
    is_well = bool(of_those_on) and set(of_those_on) == {_TAKEN}
    raise typer.Exit(0 if is_well else 1)


def _try_out(router: AlertRouter, receiver: str) -> Sequence[tuple[str, str]]:
    from ..alerting.fallback import LAST_RESORT
    from ..alerting.trial import try_out

    config: AlertsConfig = router.config
    if receiver not in config.receivers:
        raise Mistake(f"no receiver {receiver!r}; there are {', '.join(config.receivers)}")
    sinks = {
        name: sink
        for (of, name), sink in router.sinks().items()
        if of == receiver and name != LAST_RESORT
    }
    came = try_out(
        sinks, receiver, language=config.receivers[receiver].language, describe=router.describe
    )
    answers = [(name, _answer(receipt)) for name, receipt in came.items()]
    off = [(d.name, f"{_OFF}{d.why}") for d in config.disabled if d.receiver == receiver]
    return [*answers, *off]


def _answer(came: Receipt | DeliveryError) -> str:
    from ..alerting.errors import DeliveryError

    if isinstance(came, DeliveryError):
        return str(came)
    return f"{_TAKEN}{_OURS.format(came.templates_failed)}" if came.templates_failed else _TAKEN
