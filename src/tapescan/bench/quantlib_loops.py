"""What users of QuantLib write, one contract after the other: as its examples have it, with a process and an engine
made for every volatility that is tried; and with all objects made once."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

__all__ = ["ENGINES", "Contract", "Loop", "implied_plainly", "load_quantlib"]

#: Volatilities between these are searched for, until this close.
LEAST, GREATEST, CLOSE = 1e-3, 20.0, 1e-8

#: How an engine is made of QuantLib and a process.
ENGINES: Mapping[str, Callable[[Any, Any], Any]] = {
    "QdFp fast": lambda ql, process: ql.QdFpAmericanEngine(process, ql.QdFpAmericanEngine.fastScheme()),
    "QdFp accurate": lambda ql, process: ql.QdFpAmericanEngine(process, ql.QdFpAmericanEngine.accurateScheme()),
    "Barone-Adesi-Whaley": lambda ql, process: ql.BaroneAdesiWhaleyApproximationEngine(process),
}


class Contract(NamedTuple):
    """With early exercise and without dividends: the spot grows at `carry`; years, and a year."""

    spot: float
    strike: float
    put: bool
    time: float
    rate: float
    carry: float


def load_quantlib() -> Any:
    """The library; None where it is not installed."""
    try:
        with warnings.catch_warnings():
            # That SWIG's types name no module is said by newer Pythons, and is not ours to change.
            warnings.simplefilter("ignore", DeprecationWarning)
            import QuantLib
    except ImportError:
        return None
    return QuantLib


def implied_plainly(ql: Any, engine: str, one: Contract, price: float) -> float:
    """The volatility of a price; NaN where the engine gives no such price."""
    today, days = ql.Date(21, 8, 2026), ql.Actual365Fixed()
    ql.Settings.instance().evaluationDate = today
    payoff = ql.PlainVanillaPayoff(ql.Option.Put if one.put else ql.Option.Call, one.strike)
    option = ql.VanillaOption(payoff, ql.AmericanExercise(today, today + max(round(one.time * 365), 1)))
    spot = ql.QuoteHandle(ql.SimpleQuote(one.spot))
    rate, growth = (
        ql.YieldTermStructureHandle(ql.FlatForward(today, value, days)) for value in (one.rate, one.rate - one.carry)
    )

    def gap(value: float) -> float:
        vol = ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), value, days))
        option.setPricingEngine(ENGINES[engine](ql, ql.BlackScholesMertonProcess(spot, growth, rate, vol)))
        found: float = option.NPV() - price
        return found

    try:
        return float(ql.Brent().solve(gap, CLOSE, 0.3, LEAST, GREATEST))
    except RuntimeError:  # QuantLib's own way to say that it has none
        return math.nan


class Loop:
    """Prices and implied volatilities by one engine, all objects made once."""

    def __init__(self, ql: Any, engine: str) -> None:
        self.ql, self.today, self.days = ql, ql.Date(21, 8, 2026), ql.Actual365Fixed()
        ql.Settings.instance().evaluationDate = self.today
        self.spot, self.vol, self.rate, self.growth = (ql.SimpleQuote(1.0) for _ in range(4))
        level = ql.BlackConstantVol(self.today, ql.NullCalendar(), ql.QuoteHandle(self.vol), self.days)
        process = ql.BlackScholesMertonProcess(
            ql.QuoteHandle(self.spot),
            self._flat(self.growth),
            self._flat(self.rate),
            ql.BlackVolTermStructureHandle(level),
        )
        self.engine = ENGINES[engine](ql, process)

    def _flat(self, quote: Any) -> Any:
        ql = self.ql
        return ql.YieldTermStructureHandle(ql.FlatForward(self.today, ql.QuoteHandle(quote), self.days))

    def option(self, one: Contract) -> tuple[Any, float]:
        """The contract, and by how much its time is stretched to whole days, which is all that QuantLib knows."""
        ql = self.ql
        days = max(round(one.time * 365), 1)
        stretch = one.time * 365 / days
        payoff = ql.PlainVanillaPayoff(ql.Option.Put if one.put else ql.Option.Call, one.strike)
        option = ql.VanillaOption(payoff, ql.AmericanExercise(self.today, self.today + days))
        option.setPricingEngine(self.engine)
        self.spot.setValue(one.spot)
        self.rate.setValue(one.rate * stretch)
        self.growth.setValue((one.rate - one.carry) * stretch)
        return option, math.sqrt(stretch)

    def price(self, one: Contract, vol: float) -> float:
        option, stretch = self.option(one)
        self.vol.setValue(vol * stretch)
        return float(option.NPV())

    def delta(self, one: Contract, vol: float) -> float:
        step = 2e-4 * one.spot
        above, below = (self.price(one._replace(spot=one.spot + by), vol) for by in (step, -step))
        return (above - below) / (2.0 * step)

    def implied(self, one: Contract, price: float, guess: float = 0.3) -> float:
        """The volatility of a price, by R. Brent's search; NaN where the engine gives no such price."""
        option, stretch = self.option(one)
        vol = self.vol

        def gap(value: float) -> float:
            vol.setValue(value * stretch)
            found: float = option.NPV() - price
            return found

        try:
            return float(self.ql.Brent().solve(gap, CLOSE, guess, LEAST, GREATEST))
        except RuntimeError:  # QuantLib's own way to say that it has none
            return math.nan
