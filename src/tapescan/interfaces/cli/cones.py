"""What `tapescan train`, `evaluate` and `models` say of a cone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from tapescan.models.cone.card import ConeCard
    from tapescan.models.network.ranges import QuantileCard

__all__ = ["cone_lines", "cone_table", "network_lines"]


def cone_table(card: ConeCard) -> Table:
    """Its record out of sample, a row a horizon; its loss against that of the rule."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("sessions", "returns", "loss", "t", "covered", "rule", "folds", "serves"):
        shown.add_column(title, no_wrap=True)
    for one in card.records:
        shown.add_row(
            str(one.horizon),
            f"{one.rows:,}",
            f"{-one.gain:+.1%}",
            "-" if one.t is None else f"{one.t:+.1f}",
            f"{one.coverage:.1%}",
            f"{one.rule_coverage:.1%}",
            " ".join(f"{fold.coverage:.1%}" for fold in one.folds),
            "cone" if one.counts else "rule",
        )
    return shown


def cone_lines(card: ConeCard) -> tuple[str, ...]:
    """Why which serves, and what came of late."""
    late = {one.seen: one.says for one in card.recalibrations}
    return (*(one.reason for one in card.records), *late.values())


def network_lines(card: QuantileCard) -> tuple[str, ...]:
    """Whether a network's ranges serve, and why."""
    return tuple(f"ranges of {card.kind}: {one.reason}" for one in card.records)
