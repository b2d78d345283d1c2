"""Numbers as people write them, read and rounded exactly, a column at a time.

Read are 1234.5, 1,234.5, 1 234.5, １２３４．５, ¥1,234.5, 1,234.5元, (1,234.5) for -1234.5, 1.5E+8;
and with `percent` 5.5 %, ５．５％, (5.5%). Nothing is guessed: 1,5 and 12,34 are no numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING

from .models import MAX_DIGITS, PLACEHOLDERS

if TYPE_CHECKING:
    import polars as pl

# Full-width forms, ideographic space and minus sign beside ASCII. NFKC alone would make 10² 102.
_TYPED = r"^[\x20-\x7e\s\x{a5}\x{ff01}-\x{ff5e}\x{ffe5}\x{2212}元]*$"
_DIGITS = (
    r"(?:(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,3}(?: [0-9]{3})+|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+)"
    r"(?:e[+-]?[0-9]{1,3})?"
)
_AMOUNT = (
    rf"^(?:[+-]?[¥$]?{_DIGITS}|[¥$][+-]?{_DIGITS}|[+-]?{_DIGITS}元"
    rf"|\([¥$]?{_DIGITS}\)|[¥$]\({_DIGITS}\)|\({_DIGITS}元\))$"
)
_RATE = rf"^(?:[+-]?{_DIGITS}%?|\({_DIGITS}%?\)|\({_DIGITS}\)%)$"
_NEGATIVE = r"^[¥$]?[-(]"
_EXACT = Context(prec=1_100, rounding=ROUND_HALF_UP)
_ROOM = Decimal(10) ** MAX_DIGITS


@dataclass(frozen=True)
class Numbers:
    """A column of texts, read. All series are as long as the column.

    digits: the number as polars and Decimal read it, null for none. percent: a percent sign was
    there. unreadable: there is a text, and it is neither number nor placeholder.
    """

    digits: pl.Series
    percent: pl.Series
    unreadable: pl.Series


def numbers(texts: pl.Series, *, percent: bool) -> Numbers:
    """Read a column of cell texts. A percent sign is taken only with `percent`, a currency sign
    only without it."""
    import polars as pl

    plain = texts.cast(pl.Float64, strict=False).is_finite().fill_null(value=False)
    plain &= ~texts.str.contains("[eE+]").fill_null(value=False)
    nothing = pl.repeat(False, len(texts), eager=True, dtype=pl.Boolean)
    rest = (~plain & texts.is_not_null()).arg_true()
    if rest.is_empty():
        return Numbers(texts, nothing, nothing)
    read = _written(texts.gather(rest), percent=percent)
    return Numbers(
        texts.clone().scatter(rest, read["digits"]),
        nothing.clone().scatter(rest, read["percent"]),
        nothing.clone().scatter(rest, read["unreadable"]),
    )


def _written(texts: pl.Series, *, percent: bool) -> pl.DataFrame:
    """Columns digits, percent, unreadable for texts that are not plain digits."""
    import polars as pl

    text = (
        texts.str.normalize("NFKC")
        .str.strip_chars()
        .str.to_lowercase()
        .str.replace_all("\u2212", "-", literal=True)
    )
    if text.str.contains(r"\s").any():
        text = text.str.replace_all(r"\s*([¥$元%()+-])\s*", "$1").str.replace_all(r"\s", " ")
    cell = pl.col("text")
    bare = cell.str.strip_chars_start("¥$(+-").str.strip_chars_end("元%)")
    sign = pl.when(cell.str.contains(_NEGATIVE)).then(pl.lit("-")).otherwise(pl.lit(""))
    good = cell.str.contains(_RATE if percent else _AMOUNT) & pl.col("raw").str.contains(_TYPED)
    frame = pl.DataFrame({"raw": texts, "text": text}).with_columns(good=good)
    return frame.select(
        digits=pl.when("good").then(pl.concat_str(sign, bare.str.replace_all("[, ]", ""))),
        percent=pl.col("good") & cell.str.contains("%", literal=True),
        unreadable=~pl.col("good") & ~cell.is_in(list(PLACEHOLDERS)),
    )


def above_one(digits: pl.Series) -> pl.Series:
    """Whether the size of each number is over 1, exactly; null for none."""
    import polars as pl

    size = digits.cast(pl.Float64).abs()
    over = size > 1
    # Up to 15 digits a text that reads as 1.0 is 1; a longer one may be 1.0000000000000000001.
    unsure = ((size == 1) & (digits.str.len_chars() > 15)).arg_true()
    if unsure.is_empty():
        return over
    exact = [Decimal(text).copy_abs() > 1 for text in digits.gather(unsure)]
    return over.scatter(unsure, pl.Series(exact, dtype=pl.Boolean))


def rounded(digits: pl.Series, *, places: int, percent: pl.Series | None = None) -> pl.Series:
    """Each number as Int128 of its last place, rounded half up (away from zero) and exactly.

    12.345 with two places is 1235. Where `percent` is true the number is divided by 100 first.
    Null for no number, and for one that MAX_DIGITS digits cannot hold.

    A float decides where it surely lies on one side of the half. The few others, and all too
    large for a float's digits, go through Decimal one by one.
    """
    import polars as pl

    by_hundred = pl.lit(False) if percent is None else percent
    frame = pl.DataFrame({"digits": digits}).with_columns(by_hundred.alias("percent"))
    factor = pl.when("percent").then(10.0 ** (places - 2)).otherwise(10.0**places)
    frame = frame.with_columns(y=pl.col("digits").cast(pl.Float64) * factor)
    size = pl.col("y").abs()
    # Reading and multiplying are each wrong by at most half of the last of 53 bits.
    doubt = (size - size.floor() - 0.5).abs() <= 1e-6 + size * 2.0**-50
    frame = frame.select(
        "digits",
        "percent",
        unsure=doubt | (size >= 2.0**50) | ~size.is_finite(),
        near=pl.when(size < 2.0**50).then((size + 0.5).floor() * pl.col("y").sign()),
    )
    whole = frame["near"].cast(pl.Int64).cast(pl.Int128)
    unsure = frame["unsure"].fill_null(value=False).arg_true()
    if unsure.is_empty():
        return whole
    exact = [
        _exactly(text, places - 2 if is_percent else places)
        for text, is_percent in frame.select("digits", "percent")[unsure].iter_rows()
    ]
    return whole.scatter(unsure, pl.Series(exact, dtype=pl.Int128))


def _exactly(text: str, shift: int) -> int | None:
    value = Decimal(text).scaleb(shift, _EXACT)
    if value.copy_abs() >= _ROOM:  # abs() would round to 28 digits first
        return None
    return int(value.quantize(Decimal(1), context=_EXACT))


def as_decimal(whole: pl.Series, places: int) -> pl.Series:
    """Int128 of the last place as Decimal(38, places): 1235 with two places is 12.35."""
    import polars as pl

    unit = pl.lit(Decimal(1).scaleb(-places), dtype=pl.Decimal(MAX_DIGITS, places))
    frame = whole.to_frame("whole")
    return frame.select(pl.col("whole").cast(pl.Decimal(MAX_DIGITS, 0)) * unit).to_series()
