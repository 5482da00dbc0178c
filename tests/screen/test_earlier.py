"""What a column was some bars ago is what a scan said whose newest bar was that one; for every default column, over
the real market where it is there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from tapescan.columns.registry import find_column
from tapescan.core.typing import Array
from tapescan.features.compute import latest
from tapescan.features.plan import default_features, plan_features
from tapescan.market.index import MarketIndex
from tapescan.market.panel import Panel, build_panel
from tapescan.screen.checking import Scope, check
from tapescan.screen.earlier import Look, latest_with, look_back, looks
from tapescan.screen.nodes import Earlier
from tests.conftest import REAL

BACK = (1, 5, 20)


def scope() -> Scope:
    return Scope(find_column, lambda _: frozenset())


def seen(panel: Panel, texts: Sequence[str], rows: int | None = None) -> dict[str, Array]:
    """Expressions over bars, by their text."""
    terms = {text: check(text, scope(), "where").terms[0] for text in texts}
    found = {term: one for look in looks(terms.values()) for term, one in looked(panel, look, rows).items()}
    return {text: found[term] for text, term in terms.items()}


def looked(panel: Panel, look: Look, rows: int | None) -> dict[Earlier, Array]:
    """A look's terms, of the newest rows alone."""
    return look_back(panel, look) if look.frame else latest_with(panel.last(rows), plan_features(()), look)[1]


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


def by_symbol(panel: Panel, values: Array) -> dict[str, float]:
    return dict(zip(panel.symbols, values.tolist(), strict=True))


@pytest.mark.parametrize("back", BACK)
def test_every_default_column_is_what_the_scan_of_that_bar_said(bars: pl.DataFrame, panel: Panel, back: int) -> None:
    """Bit for bit: with all history read, both begin at the same bar."""
    names = default_features()
    older = cut(bars, back, panel.index)
    then = latest(older, plan_features(names))
    now = seen(panel, [f"{name}[{back}]" for name in names])
    place = {symbol: at for at, symbol in enumerate(panel.symbols)}
    places = [place[symbol] for symbol in older.symbols]
    gone = sorted(set(range(len(panel))) - set(places))
    for name in names:
        values = now[f"{name}[{back}]"]
        np.testing.assert_array_equal(values[places], then[name], err_msg=name)
        assert np.isnan(values[gone]).all(), name


def test_with_no_more_history_than_needed_only_memories_differ(bars: pl.DataFrame, panel: Panel) -> None:
    """A scan reads what its columns need. What remembers its seed then begins elsewhere: by less than its declared
    memory lets through, which is 1e-10 of the seed."""
    older = cut(bars, 5, panel.index)
    place = {symbol: at for at, symbol in enumerate(panel.symbols)}
    places = [place[symbol] for symbol in older.symbols]
    for name in default_features():
        plan = plan_features([name])
        then = latest(older.last(plan.rows), plan)[name]
        [look] = looks(check(f"{name}[5]", scope(), "where").terms)
        [found] = looked(panel, look, look.rows).values()
        window = all(step.indicator.memory(*step.values) == 0 for step in plan.steps)
        # A running sum of a window rounds by where it began; of squares, that shows in their difference.
        rtol, scale = (1e-9 if window else 1e-6), float(np.nanmax(np.abs(then), initial=0.0))
        np.testing.assert_allclose(found[places], then, rtol=rtol, atol=1e-9 * scale, err_msg=name)


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
    for symbol in panel.symbols:
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
    assert look.rows == 50 + 7 - 1


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
