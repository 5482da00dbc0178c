"""The kinds of data that a sync asks for, in the order in which they are fetched: symbols first, since some vendors
are asked by symbol; bars after their splits and dividends; statements and chains last."""

from __future__ import annotations

import datetime as dt

from tapescan.tables.definition import Kind

__all__ = ["ACTIONS", "BARS", "FUNDAMENTALS", "OPTIONS", "SNAPSHOT", "UNIVERSE"]

UNIVERSE = Kind("universe", "what is listed", 10, "whole", usual=True)
# Vendors add and correct them late.
ACTIONS = Kind("actions", "splits and dividends", 20, "span", usual=True, again=dt.timedelta(days=30))
BARS = Kind("bars", "daily bars", 30, "sessions", usual=True)
FUNDAMENTALS = Kind("fundamentals", "statements of companies", 40, "companies")
OPTIONS = Kind("options", "option chains", 45, "newest")
SNAPSHOT = Kind("snapshot", "the market at this moment", 50, "whole")
