"""Plan and company codes: one spelling each, and nothing but letters, digits and dots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .models import PLACEHOLDERS, RefusalReason

if TYPE_CHECKING:
    import polars as pl

# A code that is already as it should be. NULL is a placeholder that looks like one.
_SETTLED = r"^[A-Z0-9.]+$"


def codes(texts: pl.Series, *, max_chars: int) -> tuple[pl.Series, pl.Series]:
    """A column of codes, cleaned, and for each that is not usable the reason.

    NFKC, upper case, without `-`, `_` and white space; `000123` and `1E5` stay what they are.
    """
    import polars as pl

    raw = pl.col("raw")
    frame = texts.to_frame("raw").with_columns(
        settled=(raw.str.contains(_SETTLED) & (raw != "NULL")).fill_null(value=False)
    )
    if frame["settled"].all() and (texts.str.len_bytes() <= max_chars).all():
        return texts, pl.repeat(None, len(texts), eager=True, dtype=pl.String)
    normal = raw.str.normalize("NFKC")
    missing = ~pl.col("settled") & (
        raw.is_null() | normal.str.strip_chars().str.to_lowercase().is_in(list(PLACEHOLDERS))
    )
    code = normal.str.to_uppercase().str.replace_all(r"[-_\s]", "")
    frame = frame.with_columns(code=code, missing=missing)
    code = pl.col("code")
    frame = frame.with_columns(
        reason=pl.when("missing")
        .then(pl.lit(RefusalReason.KEY_MISSING.value))
        .when(~code.str.contains(_SETTLED))
        .then(pl.lit(RefusalReason.CODE_INVALID.value))
        .when(code.str.len_chars() > max_chars)
        .then(pl.lit(RefusalReason.CODE_TOO_LONG.value))
    )
    good = pl.col("reason").is_null()
    frame = frame.select(pl.when(good).then(code).alias("code"), "reason")
    return frame["code"], frame["reason"]
