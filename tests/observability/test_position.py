from __future__ import annotations

from datetime import UTC, datetime

import pytest

from work_data_hub.observability.position import Position


def test_a_position_comes_back_as_it_was_stored() -> None:
    position = Position(17, datetime(2024, 11, 5, 2, 0, tzinfo=UTC)).holding([9, 4])
    assert Position.from_text(position.to_text()) == position
    assert position.held == (4, 9)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "17",
        "nan",
        "{}",
        '{"id": "x", "at": "2024-11-05T02:00:00+00:00", "held": []}',
        '{"id": 1, "at": "yesterday", "held": []}',
        '{"id": 1, "at": "2024-11-05T02:00:00", "held": []}',
        '{"id": 1, "at": "2024-11-05T02:00:00+00:00", "held": 4}',
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a position"):
        Position.from_text(text)
