"""A symbol's options as ready texts, for a terminal and a page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import polars as pl

from tapescan.core.pages import Table, show
from tapescan.scan.expressed import FLAG_WORDS, WHY_WORDS, ExpressedPlan, Expression

__all__ = ["chain_table", "expiries_table", "headline", "positions_table", "remarks", "shown_expiry"]

#: Strikes of a chain that are shown, those nearest the money.
STRIKES = 17

_WORDS = FLAG_WORDS | WHY_WORDS

_HEADS = (
    "position",
    "size",
    "needs",
    "undecided",
    "cost",
    "at target",
    "at stop",
    "neither",
    "max loss",
    "max gain",
    "even",
    "mean",
    "P(profit)",
    "trip",
    "delta",
    "theta",
    "vega",
)


def headline(found: ExpressedPlan) -> str:
    """What is looked at, in one line."""
    plan, spot = found.plan, "unknown" if found.spot is None else f"{found.spot:,.2f}"
    simulated = "SIMULATED market, " if "simulated" in found.scan.provenance["data"] else ""
    said = f"{found.symbol}: {simulated}options of {found.session}, the share at {spot}"
    if not plan:
        return said
    return (
        f"{said}; plan: {plan['side']} {plan['shares']:,} shares at {plan['entry']:,.2f}, stop {plan['stop']:,.2f}, "
        f"target {plan['target']:,.2f}, up to {found.exit}"
    )


def positions_table(found: ExpressedPlan) -> Table:
    """The ranked ones first; dollars of one position after costs; numbers in brackets are those of `remarks`."""
    marks = _marks(found)
    rows = tuple(_position(one, marks) for one in found.expressions)
    return Table("Ways to trade the plan, dollars a position after costs", ("#", *_HEADS), rows, left=2)


def _marks(found: ExpressedPlan) -> dict[str, int]:
    """What is said of some position, numbered."""
    said = {name for one in found.expressions for name in (*one.flags, one.why)}
    return {name: number for number, name in enumerate((one for one in _WORDS if one in said), start=1)}


def _position(one: Expression, marks: Mapping[str, int]) -> tuple[str, ...]:
    own = "".join(f" [{marks[name]}]" for name in (*one.flags, one.why) if name)
    return (
        "-" if one.rank is None else str(one.rank),
        f"{one}{own}",
        f"{one.size:,}",
        show("{:.1%}", one.win_rate),
        show("{:.1%}", one.win_rate_undecided),
        f"{one.cost:,.2f}",
        *(f"{value:+,.2f}" for value in (one.at_target, one.at_stop, one.at_neither)),
        _bound(one.max_loss),
        _bound(one.max_gain),
        " ".join(f"{price:,.2f}" for price in one.break_evens) or "-",
        f"{one.mean:+,.2f}",
        show("{:.0%}", one.profit),
        f"{one.round_trip:,.2f}",
        f"{one.delta:,.1f}",
        f"{one.theta:+,.2f}",
        f"{one.vega:+,.2f}",
    )


def _bound(value: float | None) -> str:
    return "no end" if value is None else f"{value:,.2f}"


def remarks(found: ExpressedPlan) -> list[str]:
    """What the numbers mean, and every mark that stands in the table."""
    one = found.expressions[0]
    said = [
        f"Priced in by {'its first expiry' if one.expiry is None else one.expiry}, risk-neutral, no forecast: target "
        f"first {one.target_first:.1%}, stop first {one.stop_first:.1%}, neither {one.neither:.1%}. Mean and "
        "P(profit) are priced in too.",
        "needs: the share of those that reach target or stop that must reach the target for nothing to be lost. "
        "undecided: where the others come as often, and at the prices, priced in; the order is by it.",
    ]
    return said + [f"[{number}] {name}: {_WORDS[name]}" for name, number in _marks(found).items()]


def expiries_table(found: ExpressedPlan) -> Table:
    rows = tuple(
        (
            f"{row['expiry']}{'' if row['standard'] else ' adjusted'}",
            f"{row['days']:.1f}",
            f"{row['contracts']:,}",
            f"{row['ok']:,}",
            show("{:,.2f}", row["forward"]),
            show("{:.1%}", row["iv"]),
            show("{:,.2f}", row["move"]),
            show("{:.1%}", row["spread"]),
            show("{:.2%}", row["rate"]),
        )
        for row in found.expiries.iter_rows(named=True)
    )
    heads = ("expiry", "days", "contracts", "ok", "forward", "iv", "move", "spread", "rate")
    return Table("Expiries; the move is one deviation, in dollars", heads, rows)


def shown_expiry(found: ExpressedPlan, expiry: str = "") -> dt.date | None:
    """The one asked for, else that of the best position with options, else the first; None for none."""
    if expiry:
        return dt.date.fromisoformat(expiry)
    for one in found.expressions:
        if one.expiry is not None:
            return one.expiry
    listed = found.expiries.filter("standard")["expiry"]
    return listed[0] if len(listed) else None


def chain_table(found: ExpressedPlan, expiry: str = "") -> Table:
    """Contracts of one expiry, around the money; of a value that is not there its reason."""
    day = shown_expiry(found, expiry)
    rows = found.contracts.filter(pl.col("expiry") == day, pl.col("standard")) if day else found.contracts.clear()
    strikes = rows["strike"].unique().sort().to_list()
    middle = found.spot or (strikes[len(strikes) // 2] if strikes else 0.0)
    near = sorted(sorted(strikes, key=lambda one: abs(one - middle))[:STRIKES])
    rows = rows.filter(pl.col("strike").is_in(near))
    heads = (
        "contract",
        "reason",
        "bid",
        "ask",
        "iv",
        "smile",
        "delta",
        "gamma",
        "theta",
        "vega",
        "below",
        "volume",
        "open",
    )
    cells = tuple(_contract(row) for row in rows.iter_rows(named=True))
    return Table(f"Chain of {day}; below: priced in that the share ends below the strike", heads, cells, left=2)


def _contract(row: dict[str, float | str | None]) -> tuple[str, ...]:
    def number(name: str, form: str) -> str:
        value = row[name]
        return show(form, value if isinstance(value, float) else None)

    return (
        f"{row['strike']:g} {row['side']}",
        "" if row["reason"] == "ok" else str(row["reason"]),
        *(number(name, "{:,.2f}") for name in ("bid", "ask")),
        *(number(name, "{:.1%}") for name in ("iv", "iv_smile")),
        number("delta", "{:+.2f}"),
        number("gamma", "{:.4f}"),
        *(number(name, "{:+.3f}") for name in ("theta", "vega")),
        number("below", "{:.0%}"),
        *(number(name, "{:,.0f}") for name in ("volume", "open_interest")),
    )
