"""`wdh alerts`: check the configuration, look at incidents, try a receiver, deliver what is due."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Json
from .routes import loaded, routes_app

if TYPE_CHECKING:
    from ..alerting.config import AlertsConfig
    from ..alerting.router import AlertRouter
    from ..alerting.sink import Incident

alerts_app = typer.Typer(name="alerts", help="The alert router.", no_args_is_help=True)
alerts_app.add_typer(routes_app)

ConfigFile = Annotated[
    Path | None, typer.Argument(help="alerts.yml; default: WDH_ALERTS_CONFIG, else ./alerts.yml.")
]


def _router() -> AlertRouter:
    from ..alerting.router import AlertRouter
    from ..locations import alerts_config, alerts_url

    return AlertRouter.from_file(alerts_config(), store_url=alerts_url())


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
    for line in (*map(str, config.disabled), *config.warning_lines(), *config.notes):
        console().print(line, soft_wrap=True, markup=False)


@alerts_app.command("list")
def list_incidents(
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    as_json: Json = False,
) -> None:
    """The incidents that are open, the newest first."""
    show_incidents(title="Open incidents", everything=everything, as_json=as_json)


def show_incidents(*, title: str, everything: bool = False, as_json: bool = False) -> None:
    """The table of `wdh alerts list`."""
    from ..alerting.sink import Status
    from .console import show_json, show_table

    with closing(_router()) as router:
        found = router.store.incidents(status=None if everything else Status.FIRING)
    if as_json:
        show_json([_document(incident) for incident in found])
        return
    show_table(
        title,
        ["severity", "alert", "labels", "since", "times", "summary"],
        [
            (
                incident.severity.value,
                incident.labels["alertname"]
                + (" (over)" if incident.status is Status.RESOLVED else ""),
                _labels(incident),
                f"{incident.started_at.astimezone():%m-%d %H:%M}",
                incident.event_count,
                incident.annotations.get("summary", "").split("\n")[0][:200],
            )
            for incident in found
        ],
        right=["times"],
    )


def _labels(incident: Incident) -> str:
    shown = {k: v for k, v in incident.labels.items() if k not in ("alertname", "severity")}
    return "\n".join(f"{name}={value}" for name, value in sorted(shown.items()))


def _document(incident: Incident) -> dict[str, object]:
    return {
        **{name: getattr(incident, name) for name in ("fingerprint", "severity", "status")},
        "labels": dict(incident.labels),
        "annotations": dict(incident.annotations),
        "started_at": incident.started_at,
        "resolved_at": incident.resolved_at,
        "event_count": incident.event_count,
        "url": incident.generator_url,
    }


@alerts_app.command()
def send(
    labels: Annotated[list[str], typer.Argument(help="alertname=Name severity=critical k=v ...")],
    summary: Annotated[str, typer.Option(help="What to tell.")] = "",
    resolved: Annotated[bool, typer.Option("--resolved", help="It is over.")] = False,
) -> None:
    """Publish an alert, or with --resolved close every open incident that carries the labels."""
    from ..alerting import Alert
    from .console import console

    pairs = dict(_pair(text) for text in labels)
    with closing(_router()) as router:
        if resolved:
            console().print(f"{router.resolve(pairs)} incident(s) closed")
            return
        try:
            alert = Alert(pairs, {"summary": summary} if summary else {})
        except ValueError as err:
            raise typer.BadParameter(str(err)) from None
        outcome = router.publish(alert)
    console().print(f"{alert.name} {alert.fingerprint}: {outcome.value}")
    console().print("It is told by the next `wdh alerts dispatch`, or by the alerting sensor.")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"{text!r} is not of the form name=value")
    return name, value


@alerts_app.command()
def dispatch(as_json: Json = False) -> None:
    """Tell what is due now, in this process."""
    from .console import console, show_json

    with closing(_router()) as router:
        told, due = router.dispatch(until_idle=True), router.next_due()
    if as_json:
        show_json({"told": told, "next_due": due})
        return
    later = f"; the next is due {due.astimezone():%H:%M:%S}" if due else ""
    console().print(f"{told} notification(s) taken{later}")


@alerts_app.command()
def test(receiver: Annotated[str, typer.Argument(help="A receiver of alerts.yml.")]) -> None:
    """Send a sample through every integration of a receiver, and print what each answered.

    Nothing is stored. Exit code 1 when one of them did not take it.
    """
    from .console import show_table

    with closing(_router()) as router:
        answers = _try_out(router, receiver)
    show_table(f"Sample to {receiver}", ["integration", "answer"], answers)
    raise typer.Exit(0 if all(answer == "taken" for _, answer in answers) else 1)


def _try_out(router: AlertRouter, receiver: str) -> Sequence[tuple[str, str]]:
    from ..alerting.errors import DeliveryError
    from ..alerting.sample import sample_notification
    from ..alerting.sink import Deadline

    config: AlertsConfig = router.config
    if receiver not in config.receivers:
        raise typer.BadParameter(f"{receiver!r} is none of {', '.join(config.receivers)}")
    answers = []
    language = config.receivers[receiver].language
    for (name, integration), sink in router.sinks().items():
        if name != receiver:
            continue
        try:
            sink.deliver(sample_notification(receiver, language), deadline=Deadline(15))
        except DeliveryError as err:
            answers.append((integration, str(err)))
        else:
            answers.append((integration, "taken"))
    off = [(d.name, f"off: {d.why}") for d in config.disabled if d.receiver == receiver]
    return [*answers, *off] if answers else off
