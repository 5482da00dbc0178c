"""The tables of a replay as ready texts, for a page and for a terminal. A line break in a heading is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tapescan.core.pages import Table, show
from tapescan.core.text import printable
from tapescan.replay.parts import Part
from tapescan.replay.result import Comparison, ReplayResult
from tapescan.replay.statistics import AtHorizon, Statistics

__all__ = ["capacity", "comparison", "compounded", "facts", "horizons", "meanings", "part", "parts", "trades"]

#: What the parts are called, by field of `Statistics`.
PARTS = {
    "by_year": "year",
    "by_regime": "regime",
    "by_liquidity": "traded",
    "by_sector": "sector",
}

GROWTH = {"net": "picks, net", "picks": "picks, before costs", "eligible": "all eligible", "index": "index"}


def percent(share: float | None, digits: int = 2) -> str:
    """A share of one in percent, with its sign."""
    return show(f"{{:+.{digits}f}}", None if share is None else share * 100.0)


def horizons(found: Statistics) -> Table:
    def row(horizon: int, one: AtHorizon) -> tuple[str, ...]:
        return (
            f"{horizon}{'*' if horizon == found.hold else ''}",
            percent(one.picks.mean),
            percent(one.net.mean),
            percent(one.net_over_eligible.mean),
            show("{:+.1f}", one.net_over_eligible.t),
            percent(one.net_over_index.mean),
            show("{:+.1f}", one.net_over_index.t),
            percent(one.over_matched.mean),
            show("{:+.1f}", one.over_matched.t),
            show("{:.2f}", one.as_good),
        )

    heads = (
        "held",
        "picks",
        "net",
        "net over\neligible",
        "t",
        "net over\nindex",
        "t",
        "over\nmatched",
        "t",
        "chance",
    )
    title = "Mean return of a cohort, %, by sessions held (* as asked)"
    return Table(title, heads, tuple(row(*one) for one in found.horizons.items()))


def compounded(found: Statistics) -> Table:
    rows = tuple(
        (
            name,
            percent(one.annual, 1),
            show("{:.1f}", one.volatility * 100.0),
            show("{:.2f}", one.sharpe),
            percent(one.drawdown, 1),
            f"{one.longest:,}" if one.cohorts else "-",
            show("{:.0f}", one.positive * 100.0),
        )
        for field, name in GROWTH.items()
        if (one := found.growth.get(field)) is not None
    )
    heads = ("", "a year\n%", "volatility\n% a year", "Sharpe", "drawdown\n%", "below peak\nsessions", "gained\n%")
    return Table(f"Compounded, a cohort after the other, each held {found.hold} sessions", heads, rows)


def part(title: str, name: str, found: Mapping[str, Part]) -> Table:
    rows = tuple(
        (
            printable(label) or "unknown",
            f"{one.picked:,}",
            percent(one.picks),
            percent(one.net_over_eligible.mean),
            show("{:+.1f}", one.net_over_eligible.t),
            percent(one.net_over_eligible.low),
            percent(one.net_over_eligible.high),
            f"{one.net_over_eligible.dates:,}",
        )
        for label, one in found.items()
    )
    return Table(title, (name, "picks", "return", "net over\neligible", "t", "from", "to", "sessions"), rows)


def parts(found: Statistics, *fields: str) -> list[Table]:
    """Those that are there. fields : of PARTS; all without."""
    return [
        part(f"By {name}: mean of a cohort, %", name, getattr(found, field))
        for field, name in PARTS.items()
        if (not fields or field in fields) and getattr(found, field)
    ]


def trades(result: ReplayResult) -> Table:
    found, account = result.trades, result.account
    rows = [
        ("orders", f"{found.orders:,}: {_counted(found.fills)}"),
        ("left by", _counted(found.exits)),
        ("gained after costs, %", show("{:.0f}", found.positive * 100.0)),
        ("net a trade, %", f"{percent(found.net.mean)} (t {show('{:+.1f}', found.net.t)})"),
    ]
    if result.provenance.get("plan"):
        best = f", at best {show('{:+.3f}', found.r_best)}"
        rows += [
            ("R a trade", f"{show('{:+.3f}', found.r.mean)} (t {show('{:+.1f}', found.r.t)}){best}"),
            ("gapped beyond their stop or target, %", show("{:.1f}", found.gaps * 100.0)),
            ("stop and target in one bar, %", show("{:.1f}", found.ambiguous * 100.0)),
        ]
    rows += [
        (f"account of ${account.dollars:,.0f}, % a year", percent(account.annual, 1)),
        ("its drawdown, %", percent(account.drawdown, 1)),
        ("picks it took", f"{account.taken:,}; not: {_counted(account.skipped)}"),
    ]
    names = result.statistics.names
    if names is not None:
        share = show("; the best ten made {:.0f} % of the profit", names.best_share * 100.0)
        rows.append(("names", f"{names.symbols:,}{share.removeprefix('-')}"))
    return Table("Trades", ("", ""), tuple(rows), left=2)


def capacity(result: ReplayResult) -> Table:
    rows = tuple((f"${float(size):,.0f}", percent(annual, 1)) for size, annual in result.capacity.items())
    return Table("Capacity", ("account", "net\n% a year"), rows, left=0)


def comparison(found: Comparison) -> Table:
    rows = tuple(
        (
            printable(one.name),
            f"{one.verdict}{', sure' if one.sure else ''}",
            f"{one.picks:,}",
            percent(one.annual, 1),
            percent(one.over_eligible, 1),
            show("{:+.1f}", one.t),
            percent(one.over_index, 1),
            percent(one.over_matched, 1),
            show("{:.2f}", one.chance),
            percent(one.drawdown, 1),
            show("{:.0f}", one.turnover),
        )
        for one in found.rows
    )
    heads = (
        "name",
        "verdict",
        "picks",
        "net",
        "net over\neligible",
        "t",
        "net over\nindex",
        "over\nmatched",
        "chance",
        "drawdown\n%",
        "turnover\ntimes a year",
    )
    return Table(f"Beside each other, % a year, {found.first} to {found.last}", heads, rows, left=2)


def facts(result: ReplayResult) -> Table:
    rows = tuple((name.replace("_", " "), _fact(value)) for name, value in result.provenance.items())
    return Table("What was replayed", ("", ""), rows, left=2)


def meanings() -> Table:
    rows = (
        ("cohort", "the picks of one session, bought at the next open and held as long as is said"),
        ("net", "after the stated costs of each purchase and sale of what is replaced"),
        ("eligible", "all that could have been picked on the same session, each counting alike, without costs"),
        ("index", "SPY where the store has it"),
        ("matched", "players who draw random stocks of the same volatility, size and sector, before costs"),
        ("chance", "share of those players who did as well as the picks or better, 0 to 1"),
        ("t", "mean over its standard error, corrected for overlap; chance stays within 2 in 19 of 20"),
        ("from, to", "hold the true mean in nine of ten such records"),
        ("drawdown", "the deepest fall from a peak, seen when cohorts end"),
        ("turnover", "bought and sold in a year, as multiples of the capital"),
        ("R", "a trade's gain as a multiple of what it was to lose at its stop"),
        ("capacity", "what an account of this size makes where no position takes more than its share of the volume"),
        ("-", "not known, mostly for too few sessions"),
    )
    return Table("What the words mean", ("", ""), rows, left=2)


def _counted(found: Mapping[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in found.items()) or "-"


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_fact(one)}" for name, one in value.items()) or "-"
    if isinstance(value, list | tuple):
        return "; ".join(map(_fact, value)) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value in (None, "") else printable(f"{value:,}" if isinstance(value, int) else str(value))
