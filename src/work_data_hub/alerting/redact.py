"""Secrets out of texts that people wrote or programs threw: error texts, log excerpts, labels.

Two ways: by value (our own secrets, and what the environment holds under a telling name) and by
shape (what a token, a key, a URL with a password looks like). Runs on whole texts, before any cut:
half a token is still a secret. Every pattern is bounded: no text makes it slow.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

from .alert import CUT, SEVERITY

MASK = "[redacted]"

# A shorter value is no secret but a switch (DEBUG_KEY=1).
MIN_CHARS = 4
# A shorter one is a word as well (PASSWORD=dagster): only where it stands alone.
MIN_ANYWHERE_CHARS = 8

# Names of environment variables; the value of one is a secret. Then names of texts in a mapping:
# narrower, `asset_key` is none.
_SECRET_VARIABLE = re.compile(r"(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD)S?$", re.IGNORECASE)
_SECRET_NAME = re.compile(
    r"(?:(?:api|access|private|account)_?key|token|secret|password|passwd)s?$", re.IGNORECASE
)
_SWITCHES = frozenset({"true", "false", "none", "null"})

# What follows `password=`: quoted, or up to where a list, a query or a closing bracket ends it.
_VALUE = r"""(?!\[redacted\])(?:"[^"\n]{1,4096}"?|'[^'\n]{1,4096}'?|[^\s,;&"')}\]]{1,4096})"""
# A parser's `unexpected token: x` is a sentence; `token=x` and `"token": "x"` are not.
_IS = r"""(?:["']?\s{0,3}=|["']\s{0,3}:)\s{0,3}"""
_IS_OR_COLON = r"""["']?\s{0,3}[=:]\s{0,3}"""
# Cut off before its end, it is one all the same.
_PEM = r"-----BEGIN [A-Z0-9 ]{1,40}-----(?:(?!-----END ).)*+(?:-----END [^-]{1,40}-----)?"
_AUTHORIZATION = (
    r"""(\bauthorization["']?\s{0,3}[:=]\s{0,3}["']?(?:\w{1,20} )?+)"""
    r"""(?!\[redacted\])[^\s"',}]{4,8192}"""
)
_USERINFO = r"""
    (://)
    (?: [^\s/@:"'<>?#]{0,200}+ : (?!\d{1,5}[/?#])  # digits after the colon are a port
        [^\s"'<>]{0,200}?                          # a password may hold `/` and `@`
      | [^\s/@:"'<>?#]{1,200}+ )                   # a token alone
    (?= @ [\w.\-\[\]:%,]{0,255} (?: [/?\#\s"'<>)}] | $ ))
"""


@dataclass(frozen=True)
class _Shape:
    """anchors: of these literals, in lower case, any match holds one; a cheap look before the
    search. The pattern's first group, when it has one, stays.
    """

    anchors: tuple[str, ...]
    pattern: re.Pattern[str]

    def mask(self, text: str) -> str:
        return self.pattern.sub(rf"\1{MASK}" if self.pattern.groups else MASK, text)


def _shape(anchors: str, pattern: str, flags: int = re.IGNORECASE) -> _Shape:
    return _Shape(tuple(anchors.split()), re.compile(pattern, flags))


_GITHUB = "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_"
_KEYS = " ".join(
    f"{of}{by}key" for of in ("api", "access", "private", "account") for by in ("", "_", "-")
)
_SHAPES = (
    _shape("-----begin", _PEM, re.S),
    _shape("xox", r"(?<!\w)xox[a-z](?:\.xox[a-z])?-[\w-]{6,400}"),
    _shape("xapp-", r"(?<!\w)xapp-[\w-]{6,400}"),
    _shape("whsec_", r"(?<!\w)whsec_[\w+/=-]{16,128}", 0),
    _shape("hooks.slack", r"(hooks\.slack(?:-gov)?\.com/)[\w/-]{8,200}"),
    _shape("bearer", r"(\bbearer[ :]{1,3})(?!\[redacted\])[\w.~+/=-]{6,8192}"),
    _shape("authorization", _AUTHORIZATION),
    _shape("eyj", r"(?<![\w-])eyJ[\w-]{6,8192}+\.[\w-]{4,16384}+(?:\.[\w-]{0,8192})?", 0),
    _shape("akia", r"\bAKIA[A-Z0-9]{12,32}", 0),
    _shape("asia", r"\bASIA[A-Z0-9]{16}\b", 0),
    _shape(_GITHUB, r"(?<!\w)(?:gh[pousr]_|github_pat_)\w{16,255}", 0),
    _shape("glpat-", r"(?<!\w)glpat-[\w-]{16,255}", 0),
    _shape("sk-", r"(?<![\w-])sk-[\w-]{20,255}", 0),
    _shape("://", _USERINFO, re.X),
    _shape("password passwd passphrase", rf"(pass(?:word|wd|phrase){_IS_OR_COLON}){_VALUE}"),
    _shape("pwd", rf"(\bpwd\s{{0,3}}=\s{{0,3}}){_VALUE}"),
    _shape("token", rf"(token{_IS}){_VALUE}"),
    _shape("secret", rf"(secret(?:[_-]?(?:access[_-]?)?key)?{_IS}){_VALUE}"),
    _shape(_KEYS, rf"((?:api|access|private|account)[_-]?key{_IS_OR_COLON}){_VALUE}"),
)  # fmt: skip
_ANCHORS = tuple((anchor, shape) for shape in _SHAPES for anchor in shape.anchors)


class Redactor:
    """Takes secrets out of texts. Built once, used by any thread; never raises on any text.

    secrets: values of our own configuration; a URL among them also gives its path and password.
    environ: its values under names ending in KEY, TOKEN, SECRET, PASSWORD are secrets too.
    """

    def __init__(
        self, secrets: Iterable[str] = (), environ: Mapping[str, str] | None = None
    ) -> None:
        values: set[str] = set()
        for secret in secrets:
            values |= _spellings(secret)
        for name, value in (environ or {}).items():
            if _SECRET_VARIABLE.search(name) and value.lower() not in _SWITCHES:
                values |= _spellings(value)
        known = [v for v in values if len(v) >= MIN_CHARS]
        by_length = sorted(known, key=len, reverse=True)  # a secret that holds another goes first
        self._anywhere = tuple(v for v in by_length if len(v) >= MIN_ANYWHERE_CHARS)
        self._alone = tuple(
            (v, re.compile(rf"(?<!\w){re.escape(v)}(?!\w)"))
            for v in by_length
            if len(v) < MIN_ANYWHERE_CHARS
        )

    def text(self, text: str) -> str:
        """The text with every secret as `[redacted]`."""
        for value in self._anywhere:
            if value in text:
                text = text.replace(value, MASK)
        for value, alone in self._alone:
            if value in text:
                text = alone.sub(MASK, text)
        return _without_shapes(text)

    def identifier(self, text: str) -> str:
        """As `text`, for what something is called by: a secret as short as a word stays.

        With PASSWORD=dagster, a job called so still is.
        """
        for value in self._anywhere:
            if value in text:
                text = text.replace(value, MASK)
        return _without_shapes(self._without_half_a_secret(text))

    def event_key(self, key: str) -> str:
        """An event's key without secrets. Two that differ in nothing else remain two."""
        redacted = self.identifier(key)
        if redacted == key:
            return key
        digest = hashlib.blake2b(key.encode(errors="replace"), digest_size=16).hexdigest()
        return f"{redacted}{CUT}{digest}"

    def labels(self, labels: Mapping[str, str]) -> Mapping[str, str]:
        """Each value as an identifier; one whose name says it is a secret is gone as a whole.

        The severity, one of three words, stays.
        """
        if self._is_clean_identifier("\n".join(labels.values())) and not any(
            map(is_secret_name, labels)
        ):
            return labels
        redacted = {
            name: MASK if value and is_secret_name(name) else self.identifier(value)
            for name, value in labels.items()
        }
        return redacted | {SEVERITY: labels[SEVERITY]} if SEVERITY in labels else redacted

    def link(self, url: str) -> str:
        """The address with every secret out. User and password are gone, not masked: it opens."""
        return without_userinfo(self.text(url))

    def mapping(self, texts: Mapping[str, str]) -> dict[str, str]:
        """Each value redacted; one whose name says it is a secret is gone as a whole."""
        # Hardly any text holds anything: one look over all of them is what most alerts pay for.
        is_clean = self._is_clean("\n".join(texts.values()))
        return {
            name: MASK
            if value and is_secret_name(name)
            else (value if is_clean else self.text(value))
            for name, value in texts.items()
        }

    def _is_clean(self, text: str) -> bool:
        """Nothing can be found in it, nor in any part of it."""
        for value, _ in self._alone:
            if value in text:
                return False
        return self._is_clean_identifier(text)

    def _is_clean_identifier(self, text: str) -> bool:
        for value in self._anywhere:
            if value in text:
                return False
        return CUT not in text and not _shapes_in(text.lower())

    def _without_half_a_secret(self, text: str) -> str:
        """A long label was cut before it came here, perhaps within a secret."""
        kept, cut, digest = text.rpartition(CUT)
        for value in self._anywhere if cut else ():
            for length in range(len(value) - 1, MIN_ANYWHERE_CHARS - 1, -1):
                if kept.endswith(value[:length]):
                    return f"{kept[:-length]}{MASK}{cut}{digest}"
        return text


def without_userinfo(redacted: str) -> str:
    """An address out of which user and password were taken, as one that opens."""
    return redacted.replace(f"://{MASK}@", "://", 1)


def _without_shapes(text: str) -> str:
    for shape in _shapes_in(text.lower()):
        text = shape.mask(text)
    return text


def _shapes_in(lower: str) -> list[_Shape]:
    """Those that a text may hold, in order. lower: the text in lower case."""
    # A loop over `in` is many times faster than a search for any of them.
    return list(dict.fromkeys([shape for anchor, shape in _ANCHORS if anchor in lower]))


@lru_cache(maxsize=1_000)
def is_secret_name(name: str) -> bool:
    """What stands under this name in a mapping is a secret: `db.password`, `api_key`."""
    return _SECRET_NAME.search(name) is not None


def _spellings(secret: str) -> set[str]:
    """A secret as it may stand in a text: as it is, in a URL, in JSON, line by line."""
    bare = secret.strip().removeprefix("whsec_")  # the key itself, as signing libraries take it
    found = {secret, secret.strip(), bare, quote(secret, safe=""), json.dumps(secret)[1:-1]}
    if "\n" in secret:
        found |= {line.strip() for line in secret.splitlines() if len(line.strip()) >= 16}
    if "://" in secret:
        try:
            url = urlsplit(secret)
            path = url.path.strip("/")
            query = url.query
            # Short as either may be, together they are the secret.
            target = f"{url.path}?{query}" if query else ""
            parts = (path, unquote(path), query, unquote(query), target, url.password or "")
        except ValueError:
            return found
        found |= {part for part in parts if len(part) >= MIN_ANYWHERE_CHARS}
        found |= {unquote(url.password)} if url.password else set()
    return found
