"""Bars after a pick and forward returns are those that a plain loop over what is stored finds."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest

from tapescan.core.dates import date_of, day_number
from tapescan.replay.ahead import GONE, bars_ahead
from tapescan.replay.past import Past, past_of
from tapescan.replay.source import Source, source_of
from tests.replay.worlds import World, walk_of, world

COLUMNS = 30
PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class Plain:
    """The bars as they are stored, by symbol and session; each symbol's splits and dividends; and when another
    company took its ticker."""

    bars: dict[str, dict[dt.date, tuple[float, ...]]]
    splits: dict[str, list[tuple[dt.date, float]]]
    dividends: dict[str, list[tuple[dt.date, float]]]
    taken: dict[str, list[dt.date]]
    days: list[dt.date]

    @classmethod
    def of(cls, made: World, taken: dict[str, list[dt.date]]) -> Plain:
        bars: dict[str, dict[dt.date, tuple[float, ...]]] = {}
        for symbol, day, *values in made.bars.select("symbol", "session", *PRICES, "volume").iter_rows():
            bars.setdefault(symbol, {})[day] = tuple(values)
        splits: dict[str, list[tuple[dt.date, float]]] = {}
        for symbol, day, ratio in made.splits.iter_rows():
            splits.setdefault(symbol, []).append((day, ratio))
        dividends: dict[str, list[tuple[dt.date, float]]] = {}
        for symbol, day, amount in made.dividends.iter_rows():
            dividends.setdefault(symbol, []).append((day, amount))
        return cls(bars, splits, dividends, taken, sorted({day for one in bars.values() for day in one}))

    def ratio(self, symbol: str, after: dt.date, upto: dt.date) -> float:
        """New shares for one, from splits after a day up to another."""
        found = 1.0
        for day, ratio in self.splits.get(symbol, []):
            if after < day <= upto:
                found *= ratio
        return found

    def ends(self, symbol: str, day: dt.date) -> dt.date:
        """The first day of the next company, of that of a day."""
        return min((one for one in self.taken.get(symbol, []) if one > day), default=dt.date.max)

    def ahead(self, symbol: str, day: dt.date) -> tuple[list[list[float]], list[float], int]:
        """Of the sessions after a day: open, high, low, close, volume in its share basis; what was paid; and the
        column after the last bar of one that is gone."""
        at, rows, paid = self.days.index(day), [], []
        end = self.ends(symbol, day)
        own = [one for one in self.bars[symbol] if day <= one < end]
        gone = COLUMNS
        if end < dt.date.max or self.days.index(max(own)) < len(self.days) - GONE:
            gone = min(max(self.days.index(max(own)) - at, 0), COLUMNS)
        for column in range(COLUMNS):
            session = self.days[at + 1 + column] if at + 1 + column < len(self.days) else None
            bar = None if session is None or session >= end else self.bars[symbol].get(session)
            if session is None or bar is None:
                rows.append([np.nan] * 5)
            else:
                ratio = self.ratio(symbol, day, session)
                rows.append([*(price * ratio for price in bar[:4]), bar[4] / ratio])
            last = self.days[at + column] if at + column < len(self.days) else dt.date.max
            shared = 0.0
            for ex, amount in self.dividends.get(symbol, []):
                if session is not None and last < ex <= session and (end == dt.date.max or column < gone):
                    shared += amount * self.ratio(symbol, day, ex)
            paid.append(shared)
        return rows, paid, gone

    def forward(self, symbol: str, day: dt.date, horizon: int) -> float:
        """From the next session's open to the open so many sessions later, or the last close before it."""
        at, end = self.days.index(day), self.ends(symbol, day)
        if at + 1 + horizon >= len(self.days):
            return np.nan

        def bar(session: dt.date) -> tuple[float, ...] | None:
            return self.bars[symbol].get(session) if session < end else None

        entry = bar(self.days[at + 1])
        if bar(day) is None or entry is None:
            return np.nan
        leave = bar(self.days[at + 1 + horizon])
        price = leave[0] if leave else np.nan
        session = self.days[at + 1 + horizon]
        if leave is None:
            session = max(one for one in self.days[at + 1 : at + 1 + horizon] if bar(one))
            price = self.bars[symbol][session][3]
        return (
            price * self.ratio(symbol, day, session) / (entry[0] * self.ratio(symbol, day, self.days[at + 1])) - 1.0
        )


@pytest.fixture(scope="module")
def made() -> tuple[World, dict[str, list[dt.date]]]:
    """Of four tickers another company has them later: after a break, and one on the very next session but one."""
    found = world(symbols=100, sessions=300, seed=4).with_splits(4, many=30).with_holes(5)
    bars, taken, listings = found.bars, {}, [found.listing.with_columns(as_of=found.days[0], identifier=None)]
    for number, symbol in enumerate(found.whole[14:18]):
        mine, day, back = (
            pl.col("symbol") == symbol,
            pl.col("session"),
            found.days[180 + 10 * number if number else 293],
        )
        pause = 70 if number else 1
        gone = mine & day.is_between(found.days[found.days.index(back) - pause], back, closed="left")
        later = mine & (day >= back)
        bars = bars.filter(~gone)
        bars = bars.with_columns(pl.when(later).then(pl.col(one) * 4.0).otherwise(one).alias(one) for one in PRICES)
        taken[symbol] = [back]
        if not number:  # told by the listing, some sessions later
            for when, name in ((100, "0000000001"), (297, "0000000002")):
                listings.append(
                    found.listing.filter(symbol=symbol).with_columns(
                        as_of=pl.lit(found.days[when]), identifier=pl.lit(name)
                    )
                )
    columns = [*found.listing.columns, "as_of", "identifier"]
    listing = pl.concat(one.select(columns).cast({"as_of": pl.Date, "identifier": pl.String}) for one in listings)
    more = pl.DataFrame(  # on days of splits, and on one that is no session
        {
            "symbol": [found.whole[0], found.whole[1], found.whole[14], found.whole[15]],
            "ex_date": [*found.splits["ex_date"][:2], found.days[295], found.days[150]],
            "amount": [1.0, 0.5, 0.25, 0.3],
        }
    )
    dividends = pl.concat([found.dividends, more]).sort("symbol", "ex_date")
    return replace(found, bars=bars, listing=listing, dividends=dividends), taken


@pytest.fixture(scope="module")
def read(
    made: tuple[World, dict[str, list[dt.date]]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Source, Past]:
    source = source_of(made[0].stored(tmp_path_factory.mktemp("ahead") / "s"), None)
    return source, past_of(source.history)


def test_bars_after_a_pick(made: tuple[World, dict[str, list[dt.date]]], read: tuple[Source, Past]) -> None:
    (frames, taken), (source, past) = made, read
    plain, rng = Plain.of(frames, taken), np.random.default_rng(1)
    assert {*past.lives["symbol"]} == {*taken}
    some = [*frames.whole[:18], *rng.choice([one for one in past.symbols if one in plain.bars], 20).tolist()]
    picks = []
    for symbol in some:
        own = [*plain.bars[symbol]]
        chosen = [own[-1], *(own[int(at)] for at in rng.integers(len(own), size=12))]
        chosen += [one for one in own if taken.get(symbol) and abs((one - taken[symbol][0]).days) < 20]
        picks += [(symbol, day) for day in chosen]
    place = np.array([past.symbols.index(symbol) for symbol, _ in picks])
    session = np.array([day_number(day) for _, day in picks], dtype=np.int32)
    close = np.array([plain.bars[symbol][day][3] for symbol, day in picks])
    found = bars_ahead(past, place, session, close, COLUMNS, source.dividends, source.splits)
    split = np.array([plain.ratio(symbol, day, dt.date.max) != 1.0 for symbol, day in picks])
    assert split.any()
    for at, (symbol, day) in enumerate(picks):
        rows, paid, gone = plain.ahead(symbol, day)
        ours = np.array([getattr(found, name)[at] for name in (*PRICES, "volume")]).T
        what = f"{symbol} {day}"
        if split[at]:
            np.testing.assert_allclose(ours, rows, rtol=1e-13, err_msg=what)
            np.testing.assert_allclose(found.paid[at], paid, rtol=1e-13, err_msg=what)
        else:
            np.testing.assert_array_equal(ours, rows, err_msg=what)
            np.testing.assert_allclose(found.paid[at], paid, rtol=1e-15, err_msg=what)
        assert found.gone[at] == gone, what
        assert found.known[at] == min(len(plain.days) - 1 - plain.days.index(day), COLUMNS), what
    assert (found.paid > 0.0).any()
    assert ((found.gone > 0) & (found.gone < COLUMNS)).any()


def test_returns_after_every_session(made: tuple[World, dict[str, list[dt.date]]], read: tuple[Source, Past]) -> None:
    (frames, taken), (source, past) = made, read
    plain = Plain.of(frames, taken)
    walk = walk_of(source.data)
    days = past.sessions[[60, 150, 189, 190, 199, 200, 230, 286, 288, 289, 292, 293, 298]]
    whole = [
        (date_of(int(day)), found.view.places, forward)
        for found in walk.stretches(days)
        for day, forward in zip(found.values.days, found.values.forward, strict=True)
    ]
    # Of those that may be ranked, whose bars are cut out.
    some = [(seen.section.as_of, seen.places, seen.forward) for seen in walk.sections(days)]
    for day, places, forward in whole + some:
        # The store writes a share's class in its own way; those are left out.
        at = [number for number, place in enumerate(places) if past.symbols[place] in plain.bars]
        for row, horizon in enumerate(walk.horizons):
            expected = np.array([plain.forward(past.symbols[places[number]], day, horizon) for number in at])
            known, ours, what = ~np.isnan(expected), forward[row, at], f"{day} {horizon}"
            np.testing.assert_array_equal(~np.isnan(ours), known, err_msg=what)
            np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-12, err_msg=what)
        if day < date_of(int(past.sessions[280])) and len(places) == len(past.symbols):
            assert known.sum() > 60
    assert [day for day, _, _ in some] == [day for day, _, _ in whole]
    assert max(len(places) for _, places, _ in some) > 20


def test_a_dividend_that_is_not_there_yet_is_not_paid(read: tuple[Source, Past]) -> None:
    source, past = read
    end = past.sessions[-1:]
    after = pl.DataFrame(
        {"symbol": [past.symbols[0]], "ex_date": [date_of(int(end[0]) + 20)], "amount": [1.0]}
    ).with_columns(adjusted_to="ex_date")
    close = past.laid.newest[0].close[past.laid.newest[0].until[0] - 1, :1]
    found = bars_ahead(past, np.array([0]), end, close, COLUMNS, after, source.splits)
    assert found.paid.sum() == 0.0
