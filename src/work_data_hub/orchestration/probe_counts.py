"""Probes of the data-quality sensor, counted where every process adds up: in the alert store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from ..alerting.timing import utc_now

if TYPE_CHECKING:
    from ..alerting.store.store import Store

# The names of the totals.
PROBES, FINDINGS, LAST_PROBE = "dq_probes", "dq_findings", "dq_last_probe"


def count_probe(
    store: Store,
    domain: str,
    *,
    outcome: str,
    findings: Sequence[str] = (),
    now: datetime | None = None,
) -> None:
    """Count a probe in the alert store. findings: alertnames. Raises StoreUnavailable."""
    from ..alerting.store.totals import Latest, Tally, Total

    at = (now or utc_now()).timestamp()
    counted = {Total(PROBES, (domain,), outcome): 1.0}
    counted |= {Total(FINDINGS, (domain,), name): 1.0 for name in findings}
    store.add_up(Tally(counted, {Total(LAST_PROBE, (domain,)): Latest(0.0, at)}), most={})
