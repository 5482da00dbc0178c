"""The fake vendors by name: a file beside this one of the vendor's name, with its class under the name ``FAKE``."""

from __future__ import annotations

import importlib
import importlib.util

from tapescan.vendors.registry import vendor_names
from tests.fakes.market import FakeMarket
from tests.fakes.reply import Vendor

__all__ = ["fake_names", "make_vendor"]


def fake_names() -> list[str]:
    """Vendors that have a fake server. Stooq is a folder of files: see `stooq.py`."""
    there = [name for name in vendor_names() if importlib.util.find_spec(f"tests.fakes.{name}")]
    return [name for name in there if hasattr(importlib.import_module(f"tests.fakes.{name}"), "FAKE")]


def make_vendor(name: str, market: FakeMarket, plan: str = "paid") -> Vendor:
    """A fake vendor that serves a market. plan : paid or free."""
    vendor = importlib.import_module(f"tests.fakes.{name}").FAKE(market, plan)
    assert isinstance(vendor, Vendor)
    return vendor
