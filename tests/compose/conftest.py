"""One stack for the whole story; what it said is shown where the story ends badly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .stack import Stack, say


@pytest.fixture(scope="session")
def stack(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Stack]:
    """Not up yet. Taken down with its volumes at the end, whatever came before."""
    made = Stack(tmp_path_factory.mktemp("stack"))
    made.down()  # what a test that was killed has left
    yield made
    if request.session.testsfailed:
        say("the last lines of every container:")
        made.compose("logs", "--tail", "40", show=True)
    made.down()
