"""What is held back because something graver says it already. Pure.

https://prometheus.io/docs/alerting/latest/configuration/#inhibit_rule
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .matchers import Labels, Matcher, all_match


@dataclass(frozen=True)
class InhibitRule:
    """While an alert that `source` takes is firing, those that `target` takes are not told.

    equal: labels on which the two must agree; one that neither has counts as equal.
    """

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()

    def source_of(self, labels: Labels, firing: Iterable[Labels]) -> Labels | None:
        """The first that holds an alert of these labels back; None where nothing does.

        firing: labels of what fires now. An alert on both sides does not silence its like.
        """
        if not all_match(self.target, labels):
            return None
        on_both_sides = all_match(self.source, labels)
        holding = (
            other
            for other in firing
            if all_match(self.source, other)
            and not (on_both_sides and all_match(self.target, other))
            and all(labels.get(name, "") == other.get(name, "") for name in self.equal)
        )
        return next(holding, None)


def inhibited_by(
    rules: Sequence[InhibitRule], labels: Labels, firing: Sequence[Labels]
) -> Labels | None:
    """What fires and holds an alert of these labels back, by the first rule that says so."""
    found = (rule.source_of(labels, firing) for rule in rules)
    return next((source for source in found if source is not None), None)
