"""Blocks that the code which published an alert has laid out for Slack."""

from __future__ import annotations

import json
from typing import Any

from ...own_receiver import OWN_RECEIVER, SLACK_BLOCKS
from ...sink import Incident
from .blocks import LAID_OUT_CHARS, MAX_LAID_OUT, Block, cost


def laid_out(incident: Incident) -> list[Block]:
    """Empty where there are none, where they are none of Slack's, and where they are too many."""
    written = incident.annotations.get(SLACK_BLOCKS)
    if not written or OWN_RECEIVER not in incident.labels:
        return []
    try:
        blocks: Any = json.loads(written)
        is_form = isinstance(blocks, list) and all(isinstance(block, dict) for block in blocks)
        fits = is_form and len(blocks) <= MAX_LAID_OUT and cost(blocks) <= LAID_OUT_CHARS
    except (ValueError, RecursionError):
        return []
    return blocks if fits else []
