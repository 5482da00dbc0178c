"""Fake vendors: servers on this machine that speak the documented protocols of market-data vendors.

They serve one invented market, keep a published limit, and misbehave on demand. Nothing in them comes from a vendor.
"""

from tests.fakes.listing import SPECIAL, spelled
from tests.fakes.market import FakeMarket
from tests.fakes.reply import KEY, SECRET
from tests.fakes.server import FakeServer, Seen

__all__ = ["KEY", "SECRET", "SPECIAL", "FakeMarket", "FakeServer", "Seen", "spelled"]
