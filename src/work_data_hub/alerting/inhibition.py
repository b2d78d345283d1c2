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

    def holds_back(self, labels: Labels, firing: Iterable[Labels]) -> bool:
        """firing: labels of what fires now. An alert on both sides does not silence its like."""
        if not all_match(self.target, labels):
            return False
        on_both_sides = all_match(self.source, labels)
        return any(
            all_match(self.source, other)
            and not (on_both_sides and all_match(self.target, other))
            and all(labels.get(name, "") == other.get(name, "") for name in self.equal)
            for other in firing
        )


def is_held_back(rules: Sequence[InhibitRule], labels: Labels, firing: Sequence[Labels]) -> bool:
    return any(rule.holds_back(labels, firing) for rule in rules)
