"""`wdh alerts dead-letters list|replay|drop`: what was given up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .alert_router import alert_desk, alert_router
from .errors import Mistake
from .incidents import time_text
from .options import By, Json

if TYPE_CHECKING:
    from ..alerting.store.history import DeadLetter

dead_letters_app = typer.Typer(
    name="dead-letters", help="Notifications that were given up.", no_args_is_help=True
)

Ids = Annotated[list[int] | None, typer.Argument(help="Numbers of dead letters.")]
Every = Annotated[bool, typer.Option("--all", help="Every one there is.")]


@dead_letters_app.command("list")
def list_dead_letters(as_json: Json = False) -> None:
    """What was given up, to whom, and why."""
    from .console import show_json, show_table

    with alert_desk() as desk:
        found = desk.dead_letters()
    if as_json:
        show_json([_document(letter) for letter in found])
        return
    show_table(
        "Dead letters",
        ["id", "when", "receiver", "integration", "reason", "attempts", "what", "detail"],
        [
            (
                letter.id,
                time_text(letter.at),
                letter.receiver,
                letter.integration,
                letter.reason.value,
                letter.attempts,
                _about(letter),
                letter.detail,
            )
            for letter in found
        ],
        right=["id", "attempts"],
    )


@dead_letters_app.command()
def replay(by: By, ids: Ids = None, everything: Every = False, as_json: Json = False) -> None:
    """Have it told after all by the next dispatch: the incidents, as they are by then."""
    from ..alerting.store.desk import Desk
    from ..alerting.timing import utc_now

    chosen = _chosen(ids, everything)
    with alert_router() as router:
        known = {(i.receiver, i.name) for i in router.config.integrations()}
        desk = Desk(router.store.database)
        done = desk.replay(chosen, known=known, by=by, at=utc_now())
    _show_done(done, "is told again by the next dispatch", as_json=as_json)


@dead_letters_app.command()
def drop(by: By, ids: Ids = None, everything: Every = False, as_json: Json = False) -> None:
    """Delete it: what it was to say is told to nobody."""
    from ..alerting.timing import utc_now

    chosen = _chosen(ids, everything)
    with alert_desk() as desk:
        done = desk.drop(chosen, by=by, at=utc_now())
    _show_done(done, "dropped", as_json=as_json)


def _chosen(ids: list[int] | None, everything: bool) -> list[int]:
    if bool(ids) is everything:
        raise Mistake("give the numbers of dead letters, or --all")
    return ids or []


def _show_done(done: list[DeadLetter], what: str, *, as_json: bool) -> None:
    from .console import console, show_json

    if as_json:
        show_json([_document(letter) for letter in done])
        return
    for letter in done:
        console().print(f"dead letter {letter.id} to {letter.integration}: {what}", markup=False)
    if not done:
        console().print("there are no dead letters")


def _about(letter: DeadLetter) -> str:
    first, *others = json.loads(letter.notification)["incidents"]
    said = f"{first['labels']['alertname']} {first['fingerprint']}"
    return f"{said} and {len(others)} more" if others else said


def _document(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "at": letter.at,
        "receiver": letter.receiver,
        "integration": letter.integration,
        "reason": letter.reason,
        "detail": letter.detail,
        "attempts": letter.attempts,
        "notification": json.loads(letter.notification),
    }
