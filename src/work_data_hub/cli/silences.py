"""`wdh alerts silence add|list|expire`: what nobody wants to hear of for a while."""

from __future__ import annotations

from datetime import MAXYEAR, MINYEAR, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .alert_router import alert_desk, alert_store
from .errors import Mistake
from .incidents import Matchers, parsed, time_text
from .options import By, Comment, Json

if TYPE_CHECKING:
    from ..alerting.matchers import Matcher
    from ..alerting.silences import Silence
    from ..alerting.store.desk import Desk

silence_app = typer.Typer(
    name="silence", help="What is not told for a while.", no_args_is_help=True
)

Time = Annotated[
    str | None, typer.Option(help="2024-11-05T09:00, in Asia/Shanghai unless it names a zone.")
]


@silence_app.command()
def add(  # noqa: PLR0917 - typer hands options over by position
    by: By,
    matchers: Matchers = None,
    incident: Annotated[
        str | None, typer.Option("--incident", help="In place of matchers: one incident's labels.")
    ] = None,
    duration: Annotated[str, typer.Option("--for", help="How long: 30m, 2h, 1d.")] = "1h",
    start: Time = None,
    end: Time = None,
    comment: Comment = "",
    as_json: Json = False,
) -> None:
    """Hold back what has these labels, from --start (now) until --end, or --for so long.

    What still fires when the silence ends is told then.
    """
    from ..alerting.silences import Silence
    from ..alerting.sink import Status
    from ..alerting.store.desk import Desk
    from ..alerting.timing import utc_now
    from .console import console, show_json

    now = utc_now()
    starts_at = _time(start) if start else now
    ends_at = _time(end) if end else _after(starts_at, duration)
    if ends_at <= now:
        raise Mistake(f"a silence that ends at {time_text(ends_at)} is over already")
    with alert_store() as store:
        desk = Desk(store.database)
        if (incident is None) is not bool(matchers):
            raise Mistake("give matchers like job=daily, or --incident with a fingerprint")
        wanted = parsed(matchers or []) if incident is None else _matchers_of(desk, incident)
        try:
            asked = Silence("", wanted, starts_at, ends_at, by, comment)
        except ValueError as err:
            raise Mistake(str(err)) from None
        silence = desk.add_silence(asked, at=now)
        firing = store.incidents(status=Status.FIRING)
    held = sum(silence.takes(i.labels) for i in firing)
    if as_json:
        show_json(_document(silence) | {"open_incidents": held})
        return
    console().print(
        f"silence {silence.id}: from {time_text(starts_at)} until {time_text(ends_at)};"
        f" of what is open now it takes {held} incident(s)",
        markup=False,
    )


@silence_app.command("list")
def list_silences(
    everything: Annotated[bool, typer.Option("--all", help="Also those that have ended.")] = False,
    as_json: Json = False,
) -> None:
    """The silences that hold, and those to come."""
    from ..alerting.timing import utc_now
    from .console import show_json, show_table

    now = utc_now()
    with alert_desk() as desk:
        found = desk.silences(at=None if everything else now)
    if as_json:
        show_json([_document(s) | {"state": _state(s, now)} for s in found])
        return
    show_table(
        "Silences",
        ["id", "state", "matchers", "from", "until", "by", "comment"],
        [
            (
                s.id,
                _state(s, now),
                "\n".join(map(str, s.matchers)),
                time_text(s.starts_at),
                time_text(s.ends_at),
                s.created_by,
                s.comment,
            )
            for s in found
        ],
    )


@silence_app.command()
def expire(
    ids: Annotated[list[str], typer.Argument(help="Of silences; each may be abbreviated.")],
    as_json: Json = False,
) -> None:
    """End a silence now. One that has not begun is deleted."""
    from ..alerting.timing import utc_now
    from .console import console, show_json

    with alert_desk() as desk:
        ended = [desk.expire_silence(id_, at=utc_now()) for id_ in ids]
    if as_json:
        show_json(ended)
        return
    for id_ in ended:
        console().print(f"silence {id_} is over; what still fires is told by the next dispatch")


def _matchers_of(desk: Desk, fingerprint: str) -> tuple[Matcher, ...]:
    from ..alerting.silences import matchers_for

    return matchers_for(desk.incident(fingerprint).labels)


def _time(text: str) -> datetime:
    from ..alerting.render import ZONE

    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Mistake(f"{text!r} is no time; write it like 2024-11-05T09:00") from None
    # Beyond these no other zone could say it.
    if at.year in (MINYEAR, MAXYEAR):
        raise Mistake(f"{text!r} is no time that anybody will see")
    return at if at.tzinfo else at.replace(tzinfo=ZONE)


def _after(start: datetime, duration: str) -> datetime:
    from ..alerting.timing import seconds_of

    try:
        end = start + timedelta(seconds=seconds_of(duration))
        if end.year == MAXYEAR:
            raise OverflowError
    except ValueError as err:
        raise Mistake(str(err)) from None
    except OverflowError:
        raise Mistake(f"{duration} from then on is longer than there is time") from None
    return end


def _state(silence: Silence, now: datetime) -> str:
    if silence.ends_at <= now:
        return "expired"
    return "active" if silence.is_active(now) else "pending"


def _document(silence: Silence) -> dict[str, Any]:
    return {
        "id": silence.id,
        "matchers": [str(matcher) for matcher in silence.matchers],
        "starts_at": silence.starts_at,
        "ends_at": silence.ends_at,
        "created_by": silence.created_by,
        "comment": silence.comment,
    }
