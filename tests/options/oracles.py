"""What QuantLib says of a contract."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

with warnings.catch_warnings():
    # That SWIG's types name no module is said by newer Pythons, and is not ours to change.
    warnings.simplefilter("ignore", DeprecationWarning)
    import QuantLib as ql  # noqa: N813, as QuantLib's own examples have it

TODAY = ql.Date(21, 8, 2026)
DAYS = ql.Actual365Fixed()


@dataclass(frozen=True)
class Case:
    """A contract with early exercise: days to its last one; the rate and the yield, so that carry is rate - yield."""

    spot: float
    strike: float
    put: bool
    days: int
    vol: float
    rate: float
    dividend_yield: float
    #: Days from now and dollars.
    dividends: tuple[tuple[int, float], ...] = ()


def _flat(rate: float) -> ql.YieldTermStructureHandle:
    return ql.YieldTermStructureHandle(ql.FlatForward(TODAY, rate, DAYS))


def _process(case: Case) -> ql.BlackScholesMertonProcess:
    ql.Settings.instance().evaluationDate = TODAY
    vol = ql.BlackVolTermStructureHandle(ql.BlackConstantVol(TODAY, ql.NullCalendar(), case.vol, DAYS))
    spot = ql.QuoteHandle(ql.SimpleQuote(case.spot))
    return ql.BlackScholesMertonProcess(spot, _flat(case.dividend_yield), _flat(case.rate), vol)


def _option(case: Case, *, early: bool = True) -> ql.VanillaOption:
    payoff = ql.PlainVanillaPayoff(ql.Option.Put if case.put else ql.Option.Call, case.strike)
    last = TODAY + case.days
    return ql.VanillaOption(payoff, ql.AmericanExercise(TODAY, last) if early else ql.EuropeanExercise(last))


def american_price(case: Case) -> float:
    """By the engine of Andersen, Lake and Offengenden; with dividends by finite differences, which are escrowed."""
    process, option = _process(case), _option(case)
    if case.dividends:
        paid = ql.DividendVector([TODAY + day for day, _ in case.dividends], [one for _, one in case.dividends])
        scheme, model = ql.FdmSchemeDesc.Douglas(), ql.FdBlackScholesVanillaEngine.Escrowed
        engine = ql.FdBlackScholesVanillaEngine(process, paid, 400, 400, 0, scheme, False, -1.0, model)
    else:
        engine = ql.QdFpAmericanEngine(process, ql.QdFpAmericanEngine.highPrecisionScheme())
    option.setPricingEngine(engine)
    return float(option.NPV())


def european(case: Case) -> dict[str, float]:
    """Price and sensitivities; theta a year, vega and rho of 1.0."""
    option = _option(case, early=False)
    option.setPricingEngine(ql.AnalyticEuropeanEngine(_process(case)))
    wanted = ("delta", "gamma", "vega", "theta", "rho")
    return {"value": float(option.NPV()), **{name: float(getattr(option, name)()) for name in wanted}}
