"""Asking Alpaca's fake, and what it should say."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl

from tapescan.vendors.alpaca.vendor import Alpaca
from tapescan.vendors.seam import Ask
from tests.fakes import FakeMarket

__all__ = ["END", "FREE", "NOW", "PLUS", "ask", "truth"]

NOW = dt.datetime(2026, 11, 21, 15, tzinfo=dt.UTC)
END = dt.date(2026, 11, 20)
FREE, PLUS = Alpaca.plans


def ask(what: str = "bars", *sessions: dt.date, now: dt.datetime = NOW, **more: Any) -> Ask:
    return Ask(what, more.pop("plan", PLUS), now, more.pop("until", END), sessions=sessions, **more)


def truth(market: FakeMarket, *args: Any) -> pl.DataFrame:
    """The market's bars with volume as this vendor tells it, in whole shares."""
    return market.truth(*args).with_columns(pl.col("volume").round(0))
