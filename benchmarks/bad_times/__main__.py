"""The table of docs/figures.md: `python -m benchmarks.bad_times`."""

from __future__ import annotations

from . import Result, results
from .telling import Tally

HEAD = (
    "| bad time | of | lost | twice | out of order | p50 | p99 | stock: lost | twice | p50 | p99 |"
)


def main() -> None:
    print(HEAD)
    print("|---" * (HEAD.count("|") - 1) + "|")
    for result in results():
        print(_row(result))


def _row(result: Result) -> str:
    case, ours = result.case, result.ours
    what = f"{case.what} ({case.by_design})" if case.by_design else case.what
    cells = [what, result.failures, ours.lost, ours.twice, ours.late, *_times(ours)]
    if result.stock is None:
        cells += [case.stock, "", "", ""]
    else:
        cells += [result.stock.lost, result.stock.twice, *_times(result.stock)]
    return f"| {' | '.join(map(str, cells))} |"


def _times(tally: Tally) -> tuple[str, str]:
    """Seconds; empty where nothing was told."""
    if tally.p50_s is None:
        return ("", "")
    return (f"{tally.p50_s:.1f}", f"{tally.p99_s:.1f}")


if __name__ == "__main__":
    main()
