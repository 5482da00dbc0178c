"""The fake vendors by name."""

from __future__ import annotations

import importlib

from tests.fakes.market import FakeMarket
from tests.fakes.reply import Vendor

__all__ = ["NAMES", "make_vendor"]

#: Vendor -> module and class. Stooq is a folder of files, not a server: see `stooq.py`.
NAMES = {
    "massive": ("massive", "Massive"),
    "alpaca": ("alpaca", "Alpaca"),
    "sec": ("sec", "Sec"),
    "nasdaqtrader": ("nasdaqtrader", "NasdaqTrader"),
    "yahoo": ("yahoo", "Yahoo"),
}


def make_vendor(name: str, market: FakeMarket, plan: str = "paid") -> Vendor:
    """A fake vendor that serves a market. plan : paid or free."""
    module, kind = NAMES[name]
    vendor = getattr(importlib.import_module(f"tests.fakes.{module}"), kind)(market, plan)
    assert isinstance(vendor, Vendor)
    return vendor
