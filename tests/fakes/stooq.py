"""Stooq's bulk archive: a folder or a zip of text files, one a symbol."""

from __future__ import annotations

import zipfile
from pathlib import Path

import polars as pl

from tests.fakes.listing import Security, spelled
from tests.fakes.market import FakeMarket

__all__ = ["write_stooq"]

HEADER = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>"
_EXCHANGES = {"XNAS": "nasdaq", "XNYS": "nyse", "XASE": "nysemkt", "ARCX": "nyse", "BATS": "nyse"}


def write_stooq(market: FakeMarket, path: Path, *, adjusted: bool = True) -> Path:
    """Write ``data/daily/us/...`` under a folder, or into one zip when the path ends in ``.zip``; returns the path.

    adjusted : by splits, which sources disagree about; else raw. Over-the-counter symbols are not in it. The symbol
    ``BLNK`` is an empty file, as occurs. Folders hold 1,000 files each, numbered (how many the vendor's hold, and how
    it spells warrants and units, is not documented).
    """
    files = {}
    counts: dict[str, int] = {}
    for security in market.listing:
        if security.exchange == "OTC":
            continue
        group = f"{_EXCHANGES[security.exchange]} {'etfs' if security.type in ('ETF', 'FUND') else 'stocks'}"
        number = counts[group] = counts.get(group, 0) + 1
        ticker = spelled(security.symbol, "stooq")
        name = f"data/daily/us/{group}/{(number - 1) // 1000 + 1}/{ticker}.txt"
        files[name] = "" if security.symbol == "BLNK" else _text(market, security, ticker, adjusted)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in files.items():
                archive.writestr(name, text)
    else:
        for name, text in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text(text, newline="")
    return path


def _text(market: FakeMarket, security: Security, ticker: str, adjusted: bool) -> str:
    bars = market.history(security.symbol)
    factors = [market.factor(security.symbol, day) if adjusted else 1.0 for day in bars["session"]]
    factor = pl.Series(factors, dtype=pl.Float64)
    rows = bars.select(
        pl.lit(ticker.upper()).alias("ticker"),
        pl.lit("D").alias("per"),
        pl.col("session").dt.strftime("%Y%m%d"),
        pl.lit("000000").alias("time"),
        *((pl.col(name) * factor).round(4) for name in ("open", "high", "low", "close")),
        (pl.col("volume") / factor).round(3),
        pl.lit(0).alias("openint"),
    )
    # Lines end as they do on the vendor's own system.
    return HEADER + "\r\n" + rows.write_csv(include_header=False, line_terminator="\r\n")
