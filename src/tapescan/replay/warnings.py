"""What makes a replay look better than it was, or says that it is doubtful: a sentence each, from plain facts."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

from tapescan.replay.statistics import Statistics
from tapescan.replay.words import counted, percent

__all__ = ["Facts", "warn"]

#: The share of a real market's symbols that end in a year, for a takeover or a failure: at least and at most.
ENDING = (0.04, 0.08)

#: Fewer trades or independent dates than this say little.
FEW_TRADES = 100
FEW_DATES = 30

#: Shares of picks or trades above which it is said.
CHEAP = 0.05
HEAVY = 0.01
AMBIGUOUS = 0.02
SOME = 0.01

#: Dollars below which a stock is cheap; the share of a session's dollar volume above which a trade moves the price.
CHEAP_PRICE = 5.0
HEAVY_TRADE = 0.01


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the data and the trades of a replay; None where it is not known, of which nothing is said.

    symbols : in the market over all sessions. ended : of which the bars ended before the last session.
    years : from the first session replayed to the last.
    today : whether the listing (types, sectors, who is there) is today's. dividends : whether returns hold them.
    trades : simulated. account : dollars that they were simulated with.
    Shares, 0 to 1 : cheap, of picks below 5 dollars as traded then; heavy, of trades that needed more than 1 % of the
        session's dollar volume; ambiguous, of trades in whose bar stop and target both lay; beyond, of exits filled
        beyond their stop by a gap; unfilled, of orders that did not fill.
    seen : sessions replayed that a model which takes part in the score had learnt from.
    simulated : whether the market is a simulation. equal_weighted : whether the index is made of all symbols, since
        the store has no SPY. notes : of the log of trials, and others.
    """

    symbols: int | None = None
    ended: int | None = None
    years: float | None = None
    today: bool | None = None
    dividends: bool | None = None
    trades: int | None = None
    account: float | None = None
    cheap: float | None = None
    heavy: float | None = None
    ambiguous: float | None = None
    beyond: float | None = None
    unfilled: float | None = None
    seen: int = 0
    simulated: bool = False
    equal_weighted: bool = False
    notes: tuple[str, ...] = ()


def warn(found: Statistics, facts: Facts) -> tuple[str, ...]:
    """The warnings that apply, the gravest first."""
    return (*(line for one in _WARNINGS if (line := one(found, facts))), *facts.notes)


def _simulated(found: Statistics, facts: Facts) -> str:
    del found
    return "The market is simulated: this says nothing about a real one." if facts.simulated else ""


def _seen(found: Statistics, facts: Facts) -> str:
    if not facts.seen:
        return ""
    of = f"{facts.seen:,} of {counted(found.sessions, 'session')}"
    return f"A model that counts in the score had learnt from {of}: what it foretells there it has seen."


def _survivors(found: Statistics, facts: Facts) -> str:
    del found
    if not facts.symbols or facts.ended is None or not facts.years or not facts.years > 0.0:
        return ""
    yearly = facts.ended / facts.symbols / facts.years
    if yearly >= ENDING[0]:
        return ""
    ended = f"{facts.ended or 'none'} of {facts.symbols:,} symbols"
    rate = f", {percent(yearly)} a year" if facts.ended else ""
    losing = f"{ENDING[0] * 100:.0f} to {ENDING[1] * 100:.0f} % a year"
    return (
        f"Survivors only: the bars of {ended} ended before the last session{rate}, where a real market loses "
        f"{losing}; what failed is missing, and picks look better for it."
    )


def _today(found: Statistics, facts: Facts) -> str:
    del found
    return "" if not facts.today else "Types and sectors are those of today's listing, which nobody had then."


def _short_of_dates(found: Statistics, facts: Facts) -> str:
    del facts
    worth = found.held.net_over_eligible
    if math.isnan(worth.independent):
        return f"Few dates: {counted(worth.dates, 'date')} with picks, too few to say how sure anything is."
    if worth.independent >= FEW_DATES:
        return ""
    return f"Few dates: the record is worth {counted(worth.independent, 'independent date')}, below {FEW_DATES}."


def _short_of_trades(found: Statistics, facts: Facts) -> str:
    del found
    if facts.trades is None or facts.trades >= FEW_TRADES:
        return ""
    return f"Few trades: {facts.trades:,}, below {FEW_TRADES}; one or two of them can make the result."


def _tried(found: Statistics, facts: Facts) -> str:
    del facts
    luck = found.luck
    if luck.trials < 2:
        return ""
    needed = "" if math.isnan(luck.needed_t) else f", and a t of {luck.needed_t:.1f} is needed to be more than luck"
    own = "" if math.isnan(luck.t) else f"; this one has {luck.t:.1f}"
    return (
        f"{luck.trials:,} screens have been tried on this store: the best of so many worthless ones has a t of "
        f"about {luck.expected_t:.1f}{needed}{own}."
    )


def _cheap(found: Statistics, facts: Facts) -> str:
    del found
    if facts.cheap is None or facts.cheap < CHEAP:
        return ""
    return (
        f"{percent(facts.cheap)} of the picks traded below ${CHEAP_PRICE:.0f}, where spreads are wide and costs "
        f"higher than assumed."
    )


def _heavy(found: Statistics, facts: Facts) -> str:
    del found
    if facts.heavy is None or facts.heavy < HEAVY:
        return ""
    of = "" if facts.account is None else f" of an account of ${facts.account:,.0f}"
    return (
        f"{percent(facts.heavy)} of the trades{of} needed more than {HEAVY_TRADE * 100:.0f} % of the session's "
        f"dollar volume: they would have moved the price."
    )


def _ambiguous(found: Statistics, facts: Facts) -> str:
    del found
    if facts.ambiguous is None or facts.ambiguous < AMBIGUOUS:
        return ""
    return (
        f"In {percent(facts.ambiguous)} of the trades stop and target lay in the same daily bar, which does not "
        f"say which came first."
    )


def _gaps(found: Statistics, facts: Facts) -> str:
    del found
    parts = []
    if facts.beyond is not None and facts.beyond >= SOME:
        parts.append(f"{percent(facts.beyond)} of the exits gapped beyond the stop and lost more than planned")
    if facts.unfilled is not None and facts.unfilled >= SOME:
        parts.append(f"{percent(facts.unfilled)} of the entries did not fill")
    return f"{'; '.join(parts)}." if parts else ""


def _dividends(found: Statistics, facts: Facts) -> str:
    if facts.dividends is not False:
        return ""
    owes = ", which who sells short has to pay" if found.short else ""
    return f"Returns are without dividends, of picks and market alike{owes}."


def _borrowing(found: Statistics, facts: Facts) -> str:
    del facts
    if not found.short:
        return ""
    return "What borrowing costs is not counted, nor that many of these stocks could not be borrowed."


def _index(found: Statistics, facts: Facts) -> str:
    del found
    if not facts.equal_weighted:
        return ""
    return "The store has no SPY: the index is the mean of all symbols, in which small stocks count as much as large."


_WARNINGS: tuple[Callable[[Statistics, Facts], str], ...] = (
    _simulated,
    _seen,
    _survivors,
    _today,
    _short_of_dates,
    _short_of_trades,
    _tried,
    _cheap,
    _heavy,
    _ambiguous,
    _gaps,
    _dividends,
    _borrowing,
    _index,
)
