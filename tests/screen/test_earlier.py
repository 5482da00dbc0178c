"""What a column was some bars ago is what a scan said whose newest bar was that one; for every default column, over
the real market where it is there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from tapescan.columns.registry import find_column
from tapescan.core.typing import Array, Ints
from tapescan.features.compute import latest
from tapescan.features.plan import default_features, plan_features
from tapescan.market.anchor import SPANS, anchor
from tapescan.market.index import MarketIndex
from tapescan.market.panel import Panel, build_panel
from tapescan.screen.checking import Scope, check
from tapescan.screen.earlier import Look, latest_with, look_back, looks
from tapescan.screen.nodes import Earlier
from tests.conftest import REAL

BACK = (1, 5, 20)


def scope() -> Scope:
    return Scope(find_column, lambda _: frozenset())


def seen(panel: Panel, texts: Sequence[str]) -> dict[str, Array]:
    """Expressions over bars, by their text."""
    terms = {text: check(text, scope(), "where").terms[0] for text in texts}
    found = {term: one for look in looks(terms.values()) for term, one in looked(panel, look).items()}
    return {text: found[term] for text, term in terms.items()}


def looked(panel: Panel, look: Look) -> dict[Earlier, Array]:
    """A look's terms."""
    return look_back(panel, look) if look.frame else latest_with(panel, plan_features(()), look)[1]


@pytest.fixture(scope="module")
def bars(lively_bars: pl.DataFrame) -> pl.DataFrame:
    """The real market, or a stand-in."""
    return pl.read_parquet(REAL).rename({"date": "session"}) if REAL.exists() else lively_bars


@pytest.fixture(scope="module")
def panel(bars: pl.DataFrame) -> Panel:
    return build_panel(bars)


def cut(bars: pl.DataFrame, back: int, index: MarketIndex) -> Panel:
    """The panel of the same symbols without their newest bars."""
    left = pl.len().over("symbol").cast(pl.Int64) - back
    older = bars.sort("symbol", "session").filter(pl.int_range(pl.len()).over("symbol") < left)
    return build_panel(older, index=index)


def bars_within(panel: Panel, span: int) -> Ints:
    """Bars of each symbol in its history."""
    return np.concatenate([block.rows - block.first for block in panel.since(span).blocks])


def by_symbol(panel: Panel, values: Array) -> dict[str, float]:
    return dict(zip(panel.symbols, values.tolist(), strict=True))


@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize("back", BACK)
def test_every_default_column_is_what_the_scan_of_that_bar_said(bars: pl.DataFrame, panel: Panel, back: int) -> None:
    """Bit for bit, where both have one history. Where a new quarter has moved its beginning since, the bar is seen
    with the history of today: by less than a declared memory lets through, which is 1e-10 of the seed."""
    names = default_features()
    older = cut(bars, back, panel.index)
    then = latest(older, plan_features(names))
    now = seen(panel, [f"{name}[{back}]" for name in names])
    place = {symbol: at for at, symbol in enumerate(panel.symbols)}
    places = [place[symbol] for symbol in older.symbols]
    gone = sorted(set(range(len(panel))) - set(places))
    same = 0
    for name in names:
        values, wanted = now[f"{name}[{back}]"], then[name]
        assert np.isnan(values[gone]).all(), name
        own, back_then = plan_features([name]), plan_features([name], back)
        if anchor(older.as_of, own.span) == anchor(panel.as_of, back_then.span):
            same += 1
            np.testing.assert_array_equal(values[places], wanted, err_msg=name)
            continue
        [step] = own.steps
        memory = step.indicator.memory(*step.values)
        if memory is not None and step.rows <= own.span:
            known = bars_within(panel, back_then.span)[places] >= back_then.rows
            known &= bars_within(older, own.span) >= own.rows
            assert known.mean() > 0.5 or back_then.rows > 400, name  # the real file has no more
            found, scale = values[places][known], float(np.nanmax(np.abs(wanted), initial=0.0))
            rtol, atol = (1e-6, 1e-9 * scale) if memory else (0.0, 0.0)
            np.testing.assert_allclose(found, wanted[known], rtol=rtol, atol=atol, err_msg=name)
    assert same > 20


@pytest.mark.long
def test_conditions_over_bars_are_as_many_scans(bars: pl.DataFrame, panel: Panel) -> None:
    """Three-valued: what is unknown on a bar is unknown in the window, unless the others decide."""
    condition, names = "rsi_14 < 52 AND close > sma_20", ("rsi_14", "close", "sma_20")
    scans = []
    for back in range(6):
        older = cut(bars, back, panel.index)
        features = latest(older, plan_features(names))
        said = {}
        for at, symbol in enumerate(older.symbols):
            rsi, close, sma = (features[name][at] for name in names)
            parts = [None if np.isnan(rsi) else rsi < 52, None if np.isnan(sma) else close > sma]
            said[symbol] = False if False in parts else None if None in parts else True
        scans.append(said)
    texts = [f"{name}(6, {condition})" for name in ("within", "streak", "count")]
    found = {text.partition("(")[0]: by_symbol(panel, values) for text, values in seen(panel, texts).items()}
    some = 0
    # A symbol that hardly trades has few bars in a history, and fewer where that begins later.
    enough = bars_within(panel, SPANS[0]) >= 40
    for symbol in np.array(panel.symbols)[enough].tolist():
        told = [scan.get(symbol) for scan in scans]
        any_of = 2 if True in told else 1 if None in told else 0
        all_of = 0 if False in told else 1 if None in told else 2
        some += any_of == 2 and all_of == 0
        assert found["within"][symbol] == any_of
        assert found["streak"][symbol] == all_of
        count = found["count"][symbol]
        assert np.isnan(count) if None in told else count == told.count(True)
    assert some > 10


def test_a_price_that_stands_still_crosses_nothing() -> None:
    days = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 12, 31), "1d", eager=True)
    days = days.filter(days.dt.weekday() <= 5)
    frames = [
        pl.DataFrame(
            {"symbol": f"S{n:03d}", "session": days, **dict.fromkeys(("open", "high", "low", "close"), price)}
        )
        for n, price in enumerate(np.linspace(0.1, 700.3, 200))
    ]
    panel = build_panel(pl.concat(frames).with_columns(volume=1000.0))
    texts = [
        f"within(20, crosses_{way}(close, {name}))" for way in ("above", "below") for name in ("sma_50", "ema_20")
    ]
    for text, values in seen(panel, texts).items():
        assert not (values == 2).any(), text


def test_no_more_rows_are_computed_than_are_looked_at() -> None:
    [look] = looks(check("within(5, sma_50[2] > close) AND highest(9, high) > 1", scope(), "where").terms)
    assert {name: rows for rows, plan in look.plans for name in plan.names} == {"sma_50": 7, "close": 5, "high": 9}
    assert look.span == 128


def test_weekly_columns_are_those_of_weekly_bars(panel: Panel) -> None:
    found = seen(panel, ["weekly.sma_10", "weekly.sma_10[3]", "monthly.rsi_2", "weekly.close", "weekly.close[1]"])
    for place in range(0, len(panel), 211):
        block = next(one for one in panel.blocks if one.offset <= place < one.offset + one.lanes)
        lane = place - block.offset
        days = block.session[block.first[lane] :, lane].astype("datetime64[D]")
        close = pl.DataFrame({"day": days, "close": block.close[block.first[lane] :, lane]}).with_columns(
            pl.col("day").cast(pl.Date)
        )
        weeks = close.group_by(pl.col("day").dt.truncate("1w"), maintain_order=True).agg(pl.col("close").last())
        ends = weeks["close"].to_list()
        assert found["weekly.close"][place] == ends[-1]
        assert (
            found["weekly.close[1]"][place] == ends[-2]
            if len(ends) > 1
            else np.isnan(found["weekly.close[1]"][place])
        )
        for back, text in ((0, "weekly.sma_10"), (3, "weekly.sma_10[3]")):
            window = ends[: len(ends) - back][-10:]
            wanted = sum(window) / 10 if len(window) == 10 else np.nan
            np.testing.assert_allclose(found[text][place], wanted, rtol=1e-12)
