"""The runbooks as pages that a phone shows: what to do, one tap from the message."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from html import escape
from pathlib import Path

from .. import locations

PATH = "/runbooks/"

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>
<style>
body {{ max-width: 44rem; margin: 1rem auto; padding: 0 1rem;
       font: 1rem/1.6 system-ui, sans-serif }}
pre {{ overflow-x: auto; padding: .6rem; background: #8882 }}
blockquote {{ margin: 0; padding-left: .8rem; border-left: .25rem solid #8888 }}
</style></head><body>
{body}
</body></html>
"""


def pages(folder: Path | None = None) -> Mapping[str, Callable[[], str]]:
    """The HTML of the list and of each page, by the path of its address.

    Only what is there by now has an address: no name that somebody asks for is ever a file's path.
    folder: `locations.runbooks()` when not given.
    """
    found = sorted((folder or locations.runbooks()).glob("*.md"))
    return {
        PATH: partial(_list, found),
        **{f"{PATH}{path.name}": partial(_page, path) for path in found},
    }


def _list(found: list[Path]) -> str:
    links = [f"- [{_title(path)}]({path.name})" for path in found]
    return _html("Runbooks", "\n".join(["# Runbooks · 处理手册", "", *links]))


def _page(path: Path) -> str:
    return _html(_title(path), path.read_text(encoding="utf-8"))


def _title(path: Path) -> str:
    with path.open(encoding="utf-8") as lines:
        return re.sub(r"^#+ *", "", lines.readline()).strip()


def _html(title: str, markdown: str) -> str:
    """HTML in it is text, and no link is a script: CommonMark's own is not trusted with either."""
    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)
    return _PAGE.format(title=escape(title), body=body.rstrip())
