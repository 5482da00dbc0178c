"""Every registered indicator keeps the promises its declaration makes. Generated from the registry: a new
indicator needs no new test, only facts (and a NumPy reference where TA-Lib has no counterpart)."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tapescan.core.dates import date_of, day_number
from tapescan.features.compute import latest, replay, run
from tapescan.features.plan import Plan, plan_features
from tapescan.indicators import Indicator, registry
from tapescan.market import calendar
from tapescan.market.anchor import anchor
from tapescan.market.index import MarketIndex
from tapescan.market.panel import Panel, build_panel
from tests.conftest import REAL, every_row, random_bars
from tests.indicators import reference_modules
from tests.indicators.oracle import REFERENCES, Bars, lanes, oracle_values, worst_errors

reference_modules.load()

CALLS = [
    (one, values)
    for one in registry.values()
    for values in (one.defaults or (tuple(p.default for p in one.parameters),))
]


def parametrised(calls: list[tuple[Indicator, tuple[float, ...]]]) -> pytest.MarkDecorator:
    names = [one.feature_names(values)[0] for one, values in calls]
    return pytest.mark.parametrize(("indicator", "values"), calls, ids=names)


cases = parametrised(CALLS)
# A kernel that is wrong for one is mostly wrong for its neighbours; CI looks at all of them.
pytestmark = pytest.mark.sampled(one_in=8)


@pytest.fixture(scope="module")
def market_lanes(market_panel: Panel) -> list[list[Bars]]:
    """The columns of each symbol, block by block."""
    return [lanes(block) for block in market_panel.blocks]


@pytest.fixture(scope="module")
def whole(lively_bars: pl.DataFrame) -> Panel:
    return build_panel(lively_bars)


@pytest.fixture(scope="module")
def shorter(lively_bars: pl.DataFrame, whole: Panel) -> Panel:
    """Forty sessions less. Its market index is the whole's: it must not matter that it knows the future."""
    cut = lively_bars["session"].unique().sort()[-40]
    return build_panel(lively_bars.filter(pl.col("session") <= cut), index=whole.index)


@pytest.fixture(scope="module")
def alone(lively_bars: pl.DataFrame, whole: Panel) -> dict[str, Panel]:
    """Some symbols, each in a panel of its own."""
    return {
        symbol: build_panel(lively_bars.filter(pl.col("symbol") == symbol), index=whole.index)
        for symbol in whole.symbols[::7]
    }


@pytest.fixture(scope="module")
def gappy_bars() -> pl.DataFrame:
    """Eleven years in which some symbols trade every day, some miss a few, some hardly trade, some stop."""
    bars = random_bars(symbols=14, sessions=2900, seed=5)
    rng = np.random.default_rng(9)
    share = pl.Series(rng.choice([1.0, 1.0, 0.99, 0.9, 0.5, 0.2], 14))
    traded = share.gather(bars["symbol"].rank("dense") - 1).to_numpy() > rng.random(len(bars))
    bars = bars.filter(pl.Series(traded))
    stops = bars["session"].unique().sort()[-70]
    return bars.filter(~(pl.col("symbol").is_in(["S004", "S011"]) & (pl.col("session") > stops)))


@pytest.fixture(scope="module")
def gappy(gappy_bars: pl.DataFrame) -> Panel:
    return build_panel(gappy_bars, lanes=16)


@pytest.fixture(scope="module")
def late_index(lively_bars: pl.DataFrame, whole: Panel) -> Panel:
    """With a market index of the last forty sessions alone."""
    late = MarketIndex("late", whole.index.session[-40:], whole.index.change[-40:])
    return build_panel(lively_bars, index=late)


def plan_of(indicator: Indicator, values: tuple[float, ...]) -> Plan:
    return plan_features(indicator.feature_names(values))


@pytest.mark.skipif(
    not REAL.exists(), reason=f"{REAL} is not there: agreement with TA-Lib was checked on random walks only"
)
def test_agreement_is_checked_on_the_real_market(market_panel: Panel) -> None:
    assert len(market_panel) > 8000


@cases
def test_every_output_has_an_oracle(indicator: Indicator, values: tuple[float, ...]) -> None:
    counterparts = sum(output.talib for output in indicator.outputs) if indicator.talib else 0
    assert counterparts == len(indicator.outputs) or indicator.name in REFERENCES


@cases
def test_agrees_with_its_oracle_on_all_rows_of_every_symbol(
    indicator: Indicator, values: tuple[float, ...], market_panel: Panel, market_lanes: list[list[Bars]]
) -> None:
    plan = plan_of(indicator, values)
    worst: dict[str, tuple[float, str]] = {}
    for (block, ours), bars in zip(every_row(market_panel, plan), market_lanes, strict=True):
        newest = np.empty((len(plan.names) + plan.scratch, 1, block.lanes))
        run(plan.calls[plan.span], block, block.rows - 1, newest)
        before = np.arange(block.rows)[:, None] < block.first
        for output, theirs in enumerate(oracle_values(indicator, values, block, bars, ours)):
            # The newest row alone, as a scan has it, is compared like one row more.
            mine = np.vstack([np.where(before, np.nan, ours[output]), newest[output]])
            errors = worst_errors(mine, np.vstack([theirs, theirs[-1]]))
            name, at = plan.names[output], int(errors.argmax())
            if errors[at] > worst.get(name, (0.0, ""))[0]:
                worst[name] = (errors[at], market_panel.symbols[block.offset + at])
    assert all(error <= 1.0 for error, _ in worst.values()), f"error in multiples of what is allowed: {worst}"


@cases
def test_first_value_comes_after_the_declared_lookback(
    indicator: Indicator, values: tuple[float, ...], lively_panel: Panel
) -> None:
    lookback = indicator.lookback(*values)
    for block, found in every_row(lively_panel, plan_of(indicator, values)):
        for lane, first in enumerate(block.first):
            for output in found[:, :, lane]:
                valued = np.flatnonzero(~np.isnan(output))
                if block.rows - first <= lookback:
                    assert valued.size == 0
                else:
                    assert valued.tolist()[:1] == [first + lookback]


@cases
def test_appending_bars_never_changes_the_past(
    indicator: Indicator, values: tuple[float, ...], whole: Panel, shorter: Panel
) -> None:
    plan = plan_of(indicator, values)
    later = {
        whole.symbols[b.offset + j]: v[:, b.first[j] :, j] for b, v in replay(whole, plan) for j in range(b.lanes)
    }
    for block, found in replay(shorter, plan):
        for lane, first in enumerate(block.first):
            past = found[:, first:, lane]
            same = later[shorter.symbols[block.offset + lane]][:, : past.shape[1]]
            assert np.array_equal(past, same, equal_nan=True)


@cases
def test_values_stay_in_the_declared_range(
    indicator: Indicator, values: tuple[float, ...], market_panel: Panel
) -> None:
    assert_in_range(indicator, values, market_panel)


@pytest.fixture(scope="module")
def hostile() -> Panel:
    """Legal bars at their worst: closes at the end of their range, only rises, only falls, flat, and prices from
    1e-12 to 1e12 from one bar to the next."""
    rng = np.random.default_rng(7)
    session = pl.Series(calendar.sessions(dt.date(2020, 1, 1), dt.date(2021, 12, 31))).cast(pl.Date)
    rows = len(session)
    walk = 10.0 * np.exp(np.cumsum(rng.normal(0.0, 0.02, (8, rows)), axis=1)).round(4)
    rise = 10.0 * np.cumprod(1.0 + 0.01 * rng.random(rows))
    quiet = np.full(rows, 7.1)
    lanes = {
        f"END{at}": (one, one * 1.01, one * 0.99, one * rng.choice([0.99, 1.01], rows)) for at, one in enumerate(walk)
    }
    lanes |= {"RISE": (rise,) * 4, "FALL": (rise[::-1],) * 4, "FLAT": (quiet,) * 4}
    lanes |= {"STEP": (np.where(np.arange(rows) % 50 < 25, 7.1, 7.2),) * 4}
    lanes |= {f"WIDE{at}": tuple(10.0 ** rng.uniform(-12.0, 12.0, (4, rows))) for at in range(4)}
    lanes |= {f"END-{at}": tuple(10.0 ** rng.choice([-12.0, 0.0, 12.0], (4, rows))) for at in range(4)}
    lanes |= {"LOW": (quiet, quiet, np.where(np.arange(rows) == 400, 1e-12, quiet), quiet)}
    frames = [
        pl.DataFrame(
            {
                "symbol": symbol,
                "session": session,
                "open": prices[0],
                "high": np.maximum.reduce(prices),
                "low": np.minimum.reduce(prices),
                "close": prices[3],
                "volume": rng.choice([0.0, 1.0, 1e6, 1e15], rows),
            }
        )
        for symbol, prices in lanes.items()
    ]
    return build_panel(pl.concat(frames))


@pytest.mark.parametrize("indicator", registry.values(), ids=list(registry))
def test_values_of_the_worst_bars_stay_in_the_declared_range(indicator: Indicator, hostile: Panel) -> None:
    rng = np.random.default_rng(3)
    bounds = [(one.default, int(one.low), int(min(one.high, 320)) + 1) for one in indicator.parameters]
    drawn = [
        tuple(int(rng.integers(low, high)) if isinstance(own, int) else own for own, low, high in bounds)
        for _ in range(4)
    ]
    # The share of a bar in a hundred rounds up for these.
    odd = tuple(
        302 if isinstance(one.default, int) and one.high >= 302 else one.default for one in indicator.parameters
    )
    own = indicator.defaults or (tuple(one.default for one in indicator.parameters),)
    for values in dict.fromkeys((*own, odd, *drawn)):
        assert_in_range(indicator, values, hostile)


def assert_in_range(indicator: Indicator, values: tuple[float, ...], panel: Panel) -> None:
    """Not by one unit in the last place beyond what is declared, and finite."""
    for _, found in replay(panel, plan_of(indicator, values)):
        assert not np.isinf(found).any(), values
        for output, column in zip(indicator.outputs, found, strict=True):
            assert output.low is None or np.nanmin(column, initial=np.inf) >= output.low, values
            assert output.high is None or np.nanmax(column, initial=-np.inf) <= output.high, values


@cases
def test_a_lane_does_not_depend_on_its_neighbours(
    indicator: Indicator, values: tuple[float, ...], whole: Panel, alone: dict[str, Panel]
) -> None:
    plan = plan_of(indicator, values)
    together = dict(zip(whole.symbols, latest(whole, plan).values.T, strict=True))
    for symbol, panel in alone.items():
        assert np.array_equal(latest(panel, plan).values[:, 0], together[symbol], equal_nan=True)


@cases
def test_a_replay_is_the_scan_of_each_day(
    indicator: Indicator, values: tuple[float, ...], gappy_bars: pl.DataFrame, gappy: Panel
) -> None:
    """Bit for bit, on days before and after a new quarter moves the beginning of the history."""
    plan = plan_of(indicator, values)
    sessions = gappy_bars["session"].unique().sort()
    replayed = [(block, found) for block, found in replay(gappy, plan)]
    rng = np.random.default_rng(sum(map(ord, plan.names[0])))
    for day in sessions[rng.choice(np.arange(200, len(sessions)), 4, replace=False).tolist()]:
        scan = build_panel(gappy_bars.filter(pl.col("session") <= day), lanes=7, index=gappy.index)
        newest = dict(zip(scan.symbols, latest(scan, plan).values.T, strict=True))
        number = day_number(day)
        for block, found in replayed:
            for row, lane in zip(*np.nonzero(block.session == number), strict=True):
                symbol = gappy.symbols[block.offset + lane]
                assert np.array_equal(found[:, row, lane], newest[symbol], equal_nan=True), (symbol, day)


@cases
def test_history_before_its_beginning_changes_no_bit(
    indicator: Indicator, values: tuple[float, ...], gappy_bars: pl.DataFrame, gappy: Panel
) -> None:
    plan = plan_of(indicator, values)
    begin = date_of(anchor(gappy.as_of, plan.span))
    cut = build_panel(gappy_bars.filter(pl.col("session") >= begin), index=gappy.index)
    whole = dict(zip(gappy.symbols, latest(gappy, plan).values.T, strict=True))
    for symbol, ours in zip(cut.symbols, latest(cut, plan).values.T, strict=True):
        assert np.array_equal(ours, whole[symbol], equal_nan=True), symbol


RECURSIONS = [(one, values) for one, values in CALLS if one.state(*values)]


def test_a_recursion_has_a_state_and_a_window_none() -> None:
    for one, values in CALLS:
        assert (one.state(*values) > 0) == (one.memory(*values) != 0) or one.name == "streak"


@parametrised(RECURSIONS)
@pytest.mark.parametrize("cuts", [(559,), (1, 2, 3), (14, 28, 29, 200, 558), (130, 131, 480)])
def test_a_run_that_is_carried_on_is_one_that_is_not_broken_off(
    indicator: Indicator, values: tuple[float, ...], cuts: tuple[int, ...], lively_panel: Panel
) -> None:
    """Whatever lies before a lane's first row, and in whatever order lanes begin."""
    for block in lively_panel.blocks:
        rng = np.random.default_rng(block.offset)
        order = rng.permutation(block.lanes)
        inputs = [np.ascontiguousarray(getattr(block, name)[:, order]) for name in indicator.inputs]
        first = block.first[order]
        before = np.arange(block.rows)[:, None] < first
        for column in inputs:
            column[before] = rng.uniform(0.5, 1000.0, int(before.sum()))
        lanes, size = block.lanes, indicator.state(*values)
        whole = [np.empty((block.rows, lanes)) for _ in indicator.outputs]
        end = np.full((size, lanes), np.nan)
        indicator.kernel(*inputs, first, 0, 0, end, *whole, *values)
        state, begin = np.full((size, lanes), np.nan), 0
        for row in (*(cut for cut in cuts if cut < block.rows), block.rows):
            parts = [np.empty((row - begin, lanes)) for _ in indicator.outputs]
            indicator.kernel(*(column[:row] for column in inputs), first, begin, begin, state, *parts, *values)
            for one, part in zip(whole, parts, strict=True):
                assert np.array_equal(part, one[begin:row], equal_nan=True), (begin, row)
            begin = row
        assert np.array_equal(state, end, equal_nan=True)
        clean = [np.ascontiguousarray(getattr(block, name)) for name in indicator.inputs]
        plain = [np.empty((block.rows, lanes)) for _ in indicator.outputs]
        indicator.kernel(*clean, block.first, 0, 0, np.empty((size, lanes)), *plain, *values)
        for one, other in zip(whole, plain, strict=True):
            assert np.array_equal(one, other[:, order], equal_nan=True)


@parametrised([(one, values) for one, values in CALLS if not one.state(*values)])
def test_a_window_does_not_see_what_lies_before_it(
    indicator: Indicator, values: tuple[float, ...], lively_panel: Panel
) -> None:
    """Nor does it matter which row is the first that is written."""
    for block in lively_panel.blocks:
        rng = np.random.default_rng(block.offset)
        order = rng.permutation(block.lanes)
        first = block.first[order]
        clean = [np.ascontiguousarray(getattr(block, name)[:, order]) for name in indicator.inputs]
        before = np.arange(block.rows)[:, None] < first
        dirty = [np.where(before, rng.uniform(0.5, 1000.0, column.shape), column) for column in clean]
        whole = [np.empty((block.rows, block.lanes)) for _ in indicator.outputs]
        indicator.kernel(*clean, first, 0, *whole, *values)
        for start in (0, 1, 37, block.rows - 40, block.rows - 1):
            if 0 <= start < block.rows:
                late = [np.empty((block.rows - start, block.lanes)) for _ in indicator.outputs]
                indicator.kernel(*dirty, first, start, *late, *values)
                for one, other in zip(whole, late, strict=True):
                    assert np.array_equal(other, one[start:], equal_nan=True), start


@parametrised([(one, values) for one, values in CALLS if one.memory(*values) is not None])
def test_history_beyond_the_declared_memory_does_not_matter(
    indicator: Indicator, values: tuple[float, ...], lively_bars: pl.DataFrame, long_bars: pl.DataFrame
) -> None:
    rows = indicator.history(values)
    assert rows is not None
    bars = lively_bars if rows < 500 else long_bars
    plan = plan_of(indicator, values)
    whole = build_panel(bars)
    assert rows < whole.blocks[0].rows
    part = build_panel(bars.group_by("symbol", maintain_order=True).tail(rows), index=whole.index)
    (ours,) = (found[:, -1] for _, found in every_row(part, plan))
    (theirs,) = (found[:, -1] for _, found in every_row(whole, plan))
    order = [whole.symbols.index(symbol) for symbol in part.symbols]
    scale = np.nanmax(np.abs(theirs), axis=1, keepdims=True)
    scale[scale == 0.0] = 1.0
    np.testing.assert_allclose(ours / scale, theirs[:, order] / scale, rtol=1e-6, atol=1e-9)


@parametrised([(one, values) for one, values in CALLS if "market" in one.inputs])
def test_no_value_where_the_market_index_has_none(
    indicator: Indicator, values: tuple[float, ...], late_index: Panel
) -> None:
    assert indicator.lookback(*values) > 40
    assert np.isnan(latest(late_index, plan_of(indicator, values)).values).all()
