"""`tapescan show SYMBOL`: one symbol explained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tapescan.core.settings import load_settings
from tapescan.interfaces.cli.console import notes, output, progress_line
from tapescan.interfaces.cli.scan import (
    AsOfOption,
    ModelsOption,
    NoModelsOption,
    ProfileOption,
    StoreOption,
    chosen_market,
    chosen_models,
)

if TYPE_CHECKING:  # imported, it would load all kernels before the command line is even checked
    from tapescan.replay.records import Record
    from tapescan.scan.explain import Explanation, ForecastView, Statements
    from tapescan.scan.profile import Risk

__all__ = ["show"]

#: What limits an account, in words.
LIMITS = {
    "heat": "what all stops may lose together",
    "gross": "what may be invested",
    "sector": "what may be in one sector",
    "beta": "how much of the market's moves it may have",
    "alike": "a row before it that moves like it",
}

#: Suspect bars of one symbol that are shown.
MOST_SUSPECTS = 5


def show(
    symbol: Annotated[str, typer.Argument(help="The symbol, as in the scan: AAPL, BRK.B.")],
    store: StoreOption = "",
    as_of: AsOfOption = "",
    profile: ProfileOption = "",
    models: ModelsOption = "",
    no_models: NoModelsOption = False,
) -> None:
    """Explain one symbol: rank, every factor's points and terms, trained models' forecasts, votes, and the plan."""
    from tapescan.api import explain_symbol, find_record
    from tapescan.scan.profile import load_profile

    settings, trained = load_settings(), chosen_models(models, no_models)
    with progress_line() as progress:
        data, said = chosen_market(settings, store)
        found = explain_symbol(
            symbol,
            data,
            as_of=as_of or None,
            profile=profile or settings.profile,
            adjust=settings.adjust,
            models=trained,
            device=settings.device,
            progress=progress,
        )
    notes((*said, *found.scan.notes))
    console, row = output(), found.row
    listed = " · ".join(str(row[name]) for name in ("name", "type", "sector", "exchange") if row[name])
    console.print(f"[bold]{escape(found.symbol)}[/bold]  {escape(listed)}")
    coverage = found.scan.coverage
    if found.dropped:
        console.print(f"{found.scan.as_of}: not ranked: {found.dropped}", style="yellow", markup=False)
        _suspects(console, found)
        if not found.factors:
            return
    else:
        console.print(
            f"{found.scan.as_of}: rank {row['rank']:,} of {coverage.ranked:,}, score {row['score']:.1f} of 100, "
            f"close {_price(row['close'])}, {row['bars']:,} bars"
        )
    console.print(f"Market ({found.scan.regime.index}): {found.scan.regime}")
    _factors(console, found.factors)
    if any(view.of_statements for view in found.factors):
        console.print(_statements(found.statements), soft_wrap=True)
    ranges = _ranges(found)
    for line in (*_options(found.options), *ranges, *(line for one in found.forecasts for line in _forecast(one))):
        console.print(line, markup=False, soft_wrap=True)
    up = sum(vote == 1 for _, vote in found.votes)
    down = sum(vote == -1 for _, vote in found.votes)
    against = ", ".join(name for name, vote in found.votes if vote == -1)
    console.print(f"Trend votes: {up} up, {down} down" + (f" (not {against})" if up >= down and against else ""))
    _plan(
        console, found, load_profile(profile or settings.profile).risk, find_record(found.scan, data, of_plans=True)
    )


def _plan(console: Console, found: Explanation, profile: Risk, record: Record | None) -> None:
    """The trade, or why there is none; what such trades came to. record : of replays that ran the plans."""
    row = found.row
    if row["shares"] == 0:
        console.print(f"No plan: not one share fits the limit by {row['limit']}")
    elif row["limit"] == "cost":
        console.print("No plan: to buy and to sell would cost more than the profile's share of what is risked")
    elif row["shares"] is None and not found.dropped:
        console.print("No plan: there is no average true range, or the stop or target would not be above zero")
    elif row["shares"]:
        risk = abs(row["entry"] - row["stop"])
        console.print(
            f"Plan: {row['side']} {row['shares']:,} shares at {_price(row['entry'])} (${row['dollars']:,.0f}), "
            f"stop {_price(row['stop'])} (risk ${row['risk']:,.0f}), target {_price(row['target'])} "
            f"({abs(row['target'] - row['entry']) / risk:.1f} times the risk); size limited by {row['limit']}"
        )
        console.print(_chances(row, profile.hold), markup=False, soft_wrap=True)
        if row["side"] == "short":
            console.print(_borrowing(row["dollars"], profile), markup=False, soft_wrap=True)
        if record is not None:
            console.print(f"Record: {record.plans()} ({record.market or 'this store'})", markup=False, soft_wrap=True)
        if row["account_limit"]:
            console.print(
                f"In one account with the rows ranked before it: {row['account_shares']:,} shares, limited by "
                f"{LIMITS[row['account_limit']]}"
            )


def _borrowing(dollars: float, risk: Risk) -> str:
    from tapescan.scan.tradeplan import borrowing

    return (
        f"To borrow the shares at {risk.borrow:g} % a year costs ${dollars * borrowing(risk):,.2f} in {risk.hold} "
        "sessions; the rate is the profile's, and what a broker asks of this share may be many times that"
    )


def _suspects(console: Console, found: Explanation) -> None:
    """The suspect bars, and what to do about them."""
    for line in [*found.suspects.values()][:MOST_SUSPECTS]:
        console.print(line, markup=False, soft_wrap=True)
    if len(found.suspects) > MOST_SUSPECTS:
        console.print(f"and {len(found.suspects) - MOST_SUSPECTS} more; `tapescan doctor` names all")
    if found.suspects:
        day = next(iter(found.suspects))
        console.print(
            "A corrected bar, imported, replaces a wrong one; a right one is taken as real by "
            f"`tapescan doctor --accept {found.symbol} {day}`",
            markup=False,
            soft_wrap=True,
        )


def _forecast(view: ForecastView) -> list[str]:
    """A model's forecast in words, what moved it, and whether it counts."""
    if view.value is None or view.percentile is None:
        return [f"{view.name}: no forecast; {view.says}"]
    above = f"above {view.percentile:.0%} of those ranked; {view.says}"
    if view.looked is not None:
        return [
            f"{view.name}: median log return {view.value:+.2%} after {view.horizon} sessions, {above}",
            f"  it looked at {_shares(view.looked.scalars, 5)}",
            f"  of the past at {_shares(view.looked.past, 4)}; most at {_days(view.looked.days)}",
        ]
    lines = [f"{view.name}: expected rank {view.value:+.3f} after {view.horizon} sessions (0 is the middle), {above}"]
    if view.parts is None:
        return lines
    families = {**view.parts.families, "base": view.parts.base}
    said = ", ".join(f"{family} {part:+.2g}" for family, part in families.items() if part)
    return [*lines, f"  its parts: {said}", f"  most of it: {'; '.join(view.parts.words) or 'nothing'}"]


def _shares(shares: dict[str, float], most: int) -> str:
    """The largest of them, which come first."""
    return ", ".join(f"{name} {share:.0%}" for name, share in list(shares.items())[:most])


def _days(attention: tuple[float, ...]) -> str:
    """The bars that were attended to most."""
    most = sorted(range(len(attention)), key=lambda ago: -attention[ago])[:3]
    return ", ".join(f"{'the newest bar' if ago == 0 else f'{ago} bars ago'} {attention[ago]:.0%}" for ago in most)


def _statements(known: Statements | None) -> str:
    from tapescan.fundamentals.ratios import LEAST_TESTS, PIOTROSKI

    if known is None:
        return "Statements: none known of this symbol's company"
    said = f"Statements: period to {known.period_end}, known since {known.known_at}"
    said += f"; market value {_short_dollars(known.market_cap)}"
    if LEAST_TESTS <= known.f_score_tests < len(PIOTROSKI):
        said += f"; F-score scaled up from {known.f_score_tests} of its {len(PIOTROSKI)} tests"
    return said


def _options(known: dict[str, float]) -> list[str]:
    """What is known of its options, by the columns' names; nothing where that is nothing."""
    from tapescan.market.option_measures import DEALERS, LEAST_SESSIONS

    if not known:
        return []
    said = [f"Options: {', '.join(f'{name} {value:,.4g}' for name, value in known.items())}"]
    if "iv_30" in known and "iv_percentile_252" not in known:
        said.append(f"  iv_rank_252 and iv_percentile_252 are unknown before {LEAST_SESSIONS} sessions with options")
    if "gex" in known:
        said.append(f"  gex {DEALERS}")
    return said


def _ranges(found: Explanation) -> list[str]:
    """Where its closes will lie, and what its options say of the same."""
    from tapescan.columns.ranges import HORIZONS, range_columns
    from tapescan.models.cone.law import NORMAL_SPREAD

    row = found.row
    ends = {horizon: [row[name] for name in range_columns(horizon)] for horizon in HORIZONS}
    if any(end is None for both in ends.values() for end in both):
        return []
    said = [
        f"{'the next session' if horizon == 1 else f'{horizon} sessions'} {_price(low)} to {_price(high)}"
        for horizon, (low, high) in ends.items()
    ]
    lines = [f"Range of four closes in five: {', '.join(said)}"]
    moves = {horizon: found.options.get(f"expected_move_{horizon}") for horizon in HORIZONS}
    own = {horizon: _price((high - low) / NORMAL_SPREAD) for horizon, (low, high) in ends.items()}
    implied = [
        f"{horizon} sessions {_price(move)}, the range's {own[horizon]}"
        for horizon, move in moves.items()
        if move is not None
    ]
    return [*lines, f"  one deviation as the options have it: {'; '.join(implied)}"] if implied else lines


def _chances(row: dict[str, Any], hold: int) -> str:
    """How near the plan's levels lie: what chance alone does to them."""
    from tapescan.columns.ranges import HORIZONS, range_columns

    if row["prob_stop"] is None:
        return "How often chance alone hits the stop is unknown: too few bars for a range"
    horizon = min(HORIZONS, key=lambda one: abs(one - hold))
    low, high = (row[name] for name in range_columns(horizon))
    inside = low < row["stop"] < high
    return (
        f"The stop lies {'inside' if inside else 'outside'} the usual range of {horizon} sessions: within {hold} it "
        f"is hit by chance {row['prob_stop']:.0%} of the time, the target {row['prob_target']:.0%}"
    )


def _short_dollars(value: float | None) -> str:
    if value is None:
        return "unknown"
    size, letter = next(((s, name) for s, name in ((1e12, "T"), (1e9, "B")) if value >= s), (1e6, "M"))
    return f"${value / size:,.2f}{letter}"


def _factors(console: Console, factors: Any) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading, justify in (("factor", "left"), ("points", "right"), ("of", "right"), ("better than", "right")):
        table.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    table.add_column("what it saw", overflow="fold")
    for view in factors:
        terms = ", ".join(f"{words} {'unknown' if text is None else text}" for words, text in view.terms)
        table.add_row(
            view.name.replace("_", " "),
            "-" if view.points is None else f"{view.points:.1f}",
            f"{view.possible:.0f}",
            "-" if view.percentile is None else f"{view.percentile:.0%}",
            f"{view.title}: {terms}",
        )
    console.print(table)


def _price(value: float) -> str:
    return f"{value:,.2f}" if abs(value) >= 1.0 else f"{value:.4f}"
