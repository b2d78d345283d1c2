"""`wdh alerts explain`: why somebody was told, or was not."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from .alert_router import alert_router
from .incidents import time_text
from .options import Json

if TYPE_CHECKING:
    from ..alerting.explain import Explanation


def explain(
    name: Annotated[
        str, typer.Argument(help="An incident's fingerprint, or an event's key (run_failed:...).")
    ],
    as_json: Json = False,
) -> None:
    """Why it was told, held back, folded into another message or given up, step by step."""
    from ..alerting.explain import explain as explained
    from ..alerting.store.desk import Desk
    from ..alerting.timing import utc_now
    from .console import console, show_json, show_table

    with alert_router() as router:
        desk = Desk(router.store.database)
        found, hush = desk.trace(router.stored_key(name), router.config, at=utc_now())
        explanation = explained(found, router.config, hush)
    if as_json:
        show_json(asdict(explanation))
        return
    show_table(
        " ".join(filter(None, (explanation.title, explanation.fingerprint))),
        ["when", "where", "what"],
        [(time_text(s.at), s.where, s.text) for s in explanation.steps if s.at],
    )
    for line in _now(explanation):
        console().print(line, markup=False, soft_wrap=True)


def _now(explanation: Explanation) -> list[str]:
    """How things are, a line for each who is told; and the verdict, where it says more."""
    by_place: dict[str, list[str]] = {}
    for step in explanation.steps:
        if step.at is None:
            by_place.setdefault(step.where, []).append(step.text)
    lines = [": ".join(filter(None, (w, "; ".join(texts)))) for w, texts in by_place.items()]
    return [*lines, *(line for line in explanation.verdict if line not in lines)]
