"""Whose bars are asked for first."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import polars as pl
import pytest

import tapescan
from tapescan.api.live import follow_market
from tapescan.history.stored import market_of_store
from tapescan.live.feed import Event
from tapescan.live.wanted import in_order
from tapescan.store import Store
from tests.live.test_columns import daily
from tests.live.test_following import Played, bars, market, session, store

__all__ = ["bars", "market", "session", "store"]


@pytest.fixture
def little(tmp_path: Path) -> Store:
    found = Store(tmp_path / "little")
    tapescan.import_bars(daily(), store=found)
    return found


class Asked(Played):
    """A feed that keeps whose bars are wanted."""

    wanted: Sequence[str] = ()

    async def events(self, session: dt.date, since: int, symbols: Sequence[str] = ()) -> AsyncIterator[Event]:
        self.wanted = symbols
        async for event in super().events(session, since, symbols):
            yield event


def by_trade() -> list[str]:
    """The symbols by what was traded of them in the newest session, those without a bar of it last."""
    bars = daily()
    newest = bars.filter(pl.col("session") == pl.col("session").max())
    traded = newest.with_columns(dollars=pl.col("close") * pl.col("volume")).sort("dollars", descending=True)
    return [*traded["symbol"], *sorted({*bars["symbol"]} - {*traded["symbol"]})]


def test_the_list_is_first_and_the_others_follow_by_what_was_traded(little: Store) -> None:
    panel = market_of_store(little).panel
    assert list(in_order(panel)) == by_trade()
    listed = ["S007", "S003", "gone"]
    rest = [symbol for symbol in by_trade() if symbol not in listed]
    assert list(in_order(panel, listed)) == ["S007", "S003", *rest]
    assert len(in_order(panel)) == len(panel)


def test_who_did_not_trade_in_the_newest_session_is_last(little: Store) -> None:
    first, last = by_trade()[0], by_trade()[-1]
    bars = daily().filter(~((pl.col("symbol") == first) & (pl.col("session") == pl.col("session").max())))
    other = Store(f"{little.path} without")
    tapescan.import_bars(bars, store=other)
    found = list(in_order(market_of_store(other).panel))
    assert found[-1] == first
    assert found[-2] == last


def test_a_feed_is_told_the_list_of_what_was_asked_for_first(store: Store, session: dt.date) -> None:
    """Of a condition, and of a named screen beside it, whom they find; then the others."""
    asked = {"screens": "turtle-20", "where": "close > sma_200"}
    feed = Asked([])
    assert list(follow_market(store, source=feed, session=session, models=False, **asked)) == []  # type: ignore[arg-type]
    listed = tapescan.scan_market(str(store.path), models=False, **asked).symbols  # type: ignore[arg-type]
    traded = in_order(market_of_store(store).panel)
    assert 0 < len(listed) < len(traded)
    assert list(feed.wanted) == [*listed, *(symbol for symbol in traded if symbol not in listed)]
