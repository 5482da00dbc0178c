"""Tables of chances held against what came, for a terminal."""

from __future__ import annotations

from tapescan.core.pages import Table, as_text, show
from tapescan.replay.chances import Chance, JudgedChances

__all__ = ["chances_text"]


def chances_text(one: JudgedChances) -> str:
    title = f"Plans of {one.profile}, {one.first} to {one.last}, held {one.hold} sessions"
    said = f"What is said comes {one.says}, of sessions up to {one.seen}; what came, from the trades of these plans."
    lines = [title, "=" * len(title), said, ""]
    for chance in one.chances:
        lines += [*as_text(_table(chance)), ""]
    errors = "Errors are of the sessions' means, corrected for trades that overlap; - with too few sessions."
    return "\n".join([*lines, errors, ""])


def _table(one: Chance) -> Table:
    rows = tuple(
        (
            str(at),
            f"{tenth.plans:,}",
            str(tenth.dates),
            f"{tenth.said:.1%}",
            f"{tenth.came:.1%}",
            f"{tenth.away:+.1%}",
            show("{:.1%}", tenth.error),
        )
        for at, tenth in enumerate(one.tenths, 1)
    )
    whole = ("all", f"{one.plans:,}", "", f"{one.said:.1%}", f"{one.came:.1%}", f"{one.came - one.said:+.1%}", "")
    title = f"{one.name}: tenths by what was said, and what came"
    return Table(title, ("tenth", "plans", "dates", "said", "came", "away", "error"), (*rows, whole))
