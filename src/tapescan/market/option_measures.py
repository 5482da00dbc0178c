"""What one chain says of a share, as measures by name: declared here once for who computes, stores and shows them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEALERS", "LEAST_SESSIONS", "MEASURES", "WINDOW", "Measure"]

#: Rank and percentile of a volatility look at so many sessions, and need so many of them known.
WINDOW, LEAST_SESSIONS = 252, 60

#: What `gex` takes for granted.
DEALERS = (
    "assumes that dealers are long all calls and short all puts, which nobody reports and some state the other way"
)


@dataclass(frozen=True)
class Measure:
    """unit, low, high : as of a column (`columns.definition`)."""

    name: str
    title: str
    unit: str
    meaning: str
    low: float | None = None
    high: float | None = None


def _volatility(days: int) -> Measure:
    return Measure(
        f"iv_{days}",
        f"implied volatility, {days} days",
        "ratio",
        f"a year, at the forward: total variance linear in time between the expiries around {days} days; where they "
        "lie on one side, that of the nearest, if it is within 30 %",
        low=0.0,
    )


MEASURES: tuple[Measure, ...] = (
    *(_volatility(days) for days in (30, 60, 90, 180, 365)),
    Measure("iv_slope_30_90", "slope of implied volatility", "ratio", "iv_90 / iv_30 - 1"),
    Measure(
        "skew_25d_30", "skew, 30 days", "ratio",
        "volatility of the put less that of the call, each with a delta of 25 % by the forward (the risk reversal is "
        "its negative)",
    ),
    Measure(
        "bf_25d_30", "butterfly, 30 days", "ratio",
        "mean volatility of put and call with a delta of 25 % less iv_30",
    ),
    Measure(
        "vol_spread_30", "calls' volatility less puts', 30 days", "ratio",
        "of call and put of a strike within half a deviation of the forward, at a forward without borrowing costs "
        "(Cremers and Weinbaum, 2010); a spot of another moment than the quotes shifts it",
    ),
    Measure(
        "expected_move_5", "expected move of 5 sessions", "price",
        "one deviation: price times the volatility of that maturity times the root of 5 / 252", low=0.0,
    ),
    Measure("expected_move_21", "expected move of 21 sessions", "price", "likewise, of 21 / 252", low=0.0),
    Measure(
        "straddle_move_5", "the straddle's move of 5 sessions", "price",
        "0.85 times the straddle nearest the forward, its square linear in time between expiries", low=0.0,
    ),
    Measure("straddle_move_21", "the straddle's move of 21 sessions", "price", "likewise", low=0.0),
    Measure("put_call_volume", "puts to calls traded", "ratio", "contracts of the session", low=0.0),
    Measure("put_call_oi", "puts to calls open", "ratio", "by open interest", low=0.0),
    Measure(
        "option_volume", "contracts traded", "1",
        "of the session; unknown where nobody says that a volume is of this day", low=0.0,
    ),
    Measure("volume_oi", "contracts traded to open ones", "ratio", "option_volume / oi_total", low=0.0),
    Measure("oi_total", "contracts open", "1", "as counted before the session", low=0.0),
    Measure(
        "spread_atm", "spread at the money, 30 days", "ratio",
        "bid to ask of call and put nearest the forward, to the middle of both", low=0.0,
    ),
    Measure(
        "borrow_30", "what borrowing costs, 30 days", "ratio",
        "a year: the rate less the carry that the forward says beyond dividends; 0.001 of the price between the "
        "moments of spot and quotes are 0.012 of it",
    ),
    Measure(
        "gex", "dealers' gamma", "dollars",
        f"dollars to trade for a move of 1 %: gamma times open interest times 100 shares, calls less puts; {DEALERS}",
    ),
    Measure(
        "max_pain_near", "max pain of the nearest expiry", "price",
        "the strike at which what is open of it would pay its holders least", low=0.0,
    ),
    Measure(
        "earnings_move", "move of an event to come", "ratio",
        "one deviation: variance before an expiry within 120 days beyond what the interval after it says, the "
        "largest; unknown where none stands out",
        low=0.0,
    ),
    Measure(
        "parity_gap", "spot that the options imply", "ratio",
        "less the price, to it: the forwards within 120 days taken back to now; its size tells spot and quotes of "
        "two moments",
    ),
    Measure(
        "option_quality", "share of options with a value", "ratio",
        "of the contracts within 10 % of the price, those whose quote gave a volatility on its smile", low=0.0,
        high=1.0,
    ),
)  # fmt: skip
