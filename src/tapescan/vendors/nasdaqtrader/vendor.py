"""Nasdaq Trader: the symbol directory of all US exchanges, two text files, without a key.

The files are renewed during the day. Each ends with a line that says when it was made; a file without that line
was cut short and nothing of it is used. They list what is listed now: delisted symbols simply are not there.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import msgspec
import polars as pl

from tapescan.core.errors import OptionError, VendorError
from tapescan.market.spelling import normal_spelling
from tapescan.network.link import Link, Reply
from tapescan.tables.registry import schema_of
from tapescan.vendors.seam import Ask, Batch, Call, KeyName, Plan, Problem

__all__ = ["NasdaqTrader"]

_HEADERS = {
    "nasdaqlisted.txt": "Symbol|Security Name|Market Category|Test Issue|Financial Status|Round Lot Size|ETF|"
    "NextShares",
    "otherlisted.txt": "ACT Symbol|Security Name|Exchange|CQS Symbol|ETF|Round Lot Size|Test Issue|NASDAQ Symbol",
}

#: otherlisted.txt names the exchange by its letter on the tape.
_EXCHANGE_OF = {
    "A": "NYSE American",
    "N": "NYSE",
    "P": "NYSE Arca",
    "Q": "NASDAQ",
    "V": "IEX",
    "Z": "Cboe BZX",
}

_FOOTER = re.compile(r"File Creation Time: ?(\d{8})(\d{2}:\d{2})\|*")


@dataclass(frozen=True)
class _File:
    """A file of the directory as text columns, test issues included; made : its footer, "" when that is missing."""

    rows: pl.DataFrame
    made: str


class _FileDecoder:
    """As a msgspec decoder: bytes of one file to `_File`, msgspec.ValidationError for what is no such file."""

    def __init__(self, name: str) -> None:
        self.header = _HEADERS[name]

    def decode(self, buf: bytes, /) -> _File:
        lines = buf.decode("utf-8").splitlines()
        while lines and not lines[-1].strip():
            lines.pop()
        if not lines or lines[0].strip() != self.header:
            raise msgspec.ValidationError(f"the first line is not {self.header[:40]}...")
        footer = _FOOTER.fullmatch(lines[-1].strip())
        names = self.header.split("|")
        # Where the footer is missing, the last line may be half a row; the file is refused then anyway.
        rows = [line.split("|") for line in (lines[1:-1] if footer else lines[1:])]
        if odd := next((place for place, row in enumerate(rows, 2) if footer and len(row) != len(names)), 0):
            raise msgspec.ValidationError(f"line {odd} has not {len(names)} fields")
        whole = [row for row in rows if len(row) == len(names)]
        # Split by hand and never guessed at: NA and TRUE are symbols.
        columns = zip(*whole, strict=True) if whole else ([] for _ in names)
        frame = pl.DataFrame(
            {name: pl.Series(list(column), dtype=pl.String) for name, column in zip(names, columns, strict=True)}
        )
        return _File(frame, " ".join(footer.groups()) if footer else "")


class NasdaqTrader:
    """The symbol directory. A batch has a row for every listed symbol that is no test issue."""

    name: ClassVar[str] = "nasdaqtrader"
    title: ClassVar[str] = "Nasdaq Trader symbol directory"
    offers: ClassVar[tuple[str, ...]] = ("universe",)
    preferred: ClassVar[Mapping[str, int]] = {"universe": 3}
    needs_symbols: ClassVar[tuple[str, ...]] = ()
    # No limit is published; two requests a second are polite for two files.
    plans: ClassVar[tuple[Plan, ...]] = (Plan("free", requests=2, seconds=1.0, concurrency=2),)
    keys: ClassVar[tuple[KeyName, ...]] = ()
    hosts: ClassVar[Mapping[str, str]] = {"": "https://www.nasdaqtrader.com"}
    notes: ClassVar[tuple[str, ...]] = (
        "symbols, names, exchanges and ETFs only: no sector, no industry, no prices",
        "lists what is listed today; a delisted symbol is not there any more, and nothing says since when",
    )

    def headers(self, keys: Mapping[str, str]) -> Mapping[str, str]:  # noqa: ARG002 (has no keys)
        return {}

    def judge(self, reply: Reply) -> VendorError | None:  # noqa: ARG002 (statuses say enough)
        return None

    def calls(self, ask: Ask) -> Sequence[Call]:
        if ask.what != "universe":
            raise OptionError(f"{self.name} has no {ask.what}", "it offers the universe")
        return [Call("universe", "universe", requests=len(_HEADERS), lasts=dt.timedelta(hours=12))]

    async def fetch(self, call: Call, link: Link) -> AsyncIterator[Batch]:  # noqa: ARG002 (there is one call)
        """One batch of symbols, from both files."""
        frames, problems = [], list[Problem]()
        for name in _HEADERS:
            path = f"/dynamic/SymDir/{name}"
            file: _File = await link.get(path, _FileDecoder(name))
            if not file.made:
                raise link.error("truncated", f"{path}: ends without its line of creation time", "sync again")
            if file.rows.is_empty():
                raise link.error("empty", f"{path}: lists no symbol", "sync again later")
            frames.append(_symbols(file.rows))
        rows = pl.concat(frames)
        if nameless := rows.filter(pl.col("symbol").str.len_chars() == 0).height:
            problems.append(Problem("refused_rows", f"{nameless} rows without a symbol"))
        rows = rows.filter(pl.col("symbol").str.len_chars() > 0).unique("symbol", keep="first", maintain_order=True)
        yield Batch("symbols", rows, tuple(problems))


def _symbols(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of either file in the columns of `symbols`, test issues left out."""
    rows = rows.select(pl.all().str.strip_chars()).filter(pl.col("Test Issue") != "Y")
    nasdaq = "Symbol" in rows.columns
    given = rows["Symbol" if nasdaq else "ACT Symbol"]
    letter = pl.col("Exchange")
    # The directory tells funds only; everything else is told from the name, as its blank says nothing.
    fund = (pl.col("ETF") == "Y") | (pl.col("NextShares") == "Y" if nasdaq else pl.lit(value=False))
    absent = pl.lit(None, dtype=pl.String)
    return rows.select(
        normal_spelling(given).alias("symbol"),
        pl.col("Security Name").alias("name"),
        (pl.lit("NASDAQ") if nasdaq else letter.replace(_EXCHANGE_OF)).alias("exchange"),
        absent.alias("sector"),
        absent.alias("industry"),
        absent.alias("country"),
        pl.when(fund).then(pl.lit("ETF")).alias("type"),
        pl.lit(None, dtype=pl.Date).alias("delisted"),
        given.alias("vendor_symbol"),
        absent.alias("identifier"),
    ).select(*schema_of("symbols"))


VENDOR = NasdaqTrader
