"""The listing: what is known of each symbol, and from which day on."""

from __future__ import annotations

import polars as pl

from tapescan.market.spelling import is_dollar
from tapescan.tables.definition import Field, File, Table
from tapescan.tables.kinds import UNIVERSE
from tapescan.tables.names import CURRENCY, SYMBOL

__all__ = ["TABLE"]

_TEXT = pl.String()

#: Listings of so many rows name some company above this value; one that names none counts in millions.
_LISTED, _LARGEST = 50, 1e8
#: How a file says that a mark is set.
_YES = ("Y", "YES", "TRUE", "T", "1")
#: No share's whole company changes hands in a day.
_TURNED = 1.0


def _prepare(rows: pl.DataFrame, file: File) -> pl.DataFrame:
    """What the directory's marks say as a type; shares of other countries' exchanges left out; dollars."""
    if "currency" in rows.columns:
        foreign = rows.filter(~is_dollar(pl.col("currency")))
        if len(foreign):
            some = ", ".join(foreign["symbol"].drop_nulls().head(3))
            file.notes.append(f"{file.shown}: passed over {len(foreign):,} listed in another currency ({some})")
            rows = rows.filter(is_dollar(pl.col("currency")))
    said = pl.col("type") if "type" in rows.columns else pl.lit(None, pl.String)
    marks = [
        pl.when(pl.col(name).str.to_uppercase().is_in(_YES)).then(pl.lit(word))
        for name, word in (("test", "TEST"), ("etf", "ETF"), ("nextshares", "ETF"))
        if name in rows.columns
    ]
    if marks:
        rows = rows.with_columns(type=pl.coalesce(*marks, said))
    for name, unit in (("millions", 1e6), ("billions", 1e9)):
        if name in rows.columns and "market_cap" not in rows.columns:
            number = pl.col(name).str.replace_all(r"[$,\s]", "").cast(pl.Float64, strict=False)
            rows = rows.with_columns(market_cap=number * unit)
    said_in_its_name = "millions" in rows.columns or "billions" in rows.columns
    if "market_cap" in rows.columns and not said_in_its_name and (times := _unit(rows)) != 1.0:
        file.notes.append(f"{file.shown}: its market values are in millions of dollars")
        rows = rows.with_columns(pl.col("market_cap") * times)
    extras = ("currency", "etf", "test", "nextshares", "price", "volume", "millions", "billions")
    return rows.drop(extras, strict=False)


def _unit(rows: pl.DataFrame) -> float:
    """Dollars that one unit of the file's market values is: told by what changes hands, or by the largest of many."""
    if {"price", "volume"} <= set(rows.columns):
        price, volume = (rows[name].cast(pl.Float64, strict=False) for name in ("price", "volume"))
        turned = (price * volume / rows["market_cap"]).drop_nulls()
        turned = turned.filter(turned.is_finite())
        if len(turned):
            return 1e6 if turned.median() > _TURNED else 1.0  # type: ignore[operator]
    largest = rows["market_cap"].max()
    return 1e6 if rows["market_cap"].count() >= _LISTED and largest < _LARGEST else 1.0  # type: ignore[operator]


TABLE = Table(
    name="symbols",
    title="the listing, and what it was before",
    fields={
        "symbol": Field(_TEXT, "in the spelling of `market.spelling`", SYMBOL, needed=True),
        "name": Field(
            _TEXT, "of the security", ("company", "companyname", "securityname", "title", "security", "description")
        ),
        "exchange": Field(_TEXT, "on which it is listed", ("listingexchange", "market", "primaryexchange")),
        "sector": Field(_TEXT, "`market.universe` brings it to one set of names", ("gicssector",)),
        "industry": Field(_TEXT, "as the source has it", ("gicsindustry",)),
        "country": Field(_TEXT, "as the source has it", ("country",)),
        "type": Field(
            _TEXT, "the source's code or word; `market.universe` translates it", ("securitytype", "assettype")
        ),
        "ipo_year": Field(pl.Int32(), "year", ("ipoyear",), given=False, plausible=(1000.0, 9999.0)),
        "market_cap": Field(
            pl.Float64(),
            "$, as of `as_of`",
            ("marketcap", "marketcapitalization", "mktcap", "marketvalue", "marketcapusd"),
            given=False,
            plausible=(0.0, 1e18),
        ),
        # A listing that is fetched every day and says the same is no change.
        "as_of": Field(pl.Date(), "the day of the listing", ("asof", "asofdate"), given=False, compared=False),
        # Whoever names itself as the source of a listing knows that a symbol is listed.
        "delisted": Field(pl.Date(), "first day it was no longer listed; null where nobody said", cleared=True),
        "vendor_symbol": Field(_TEXT, "the vendor's own spelling"),
        "identifier": Field(
            _TEXT,
            "of the company or security, which stays when the symbol changes: CIK, FIGI, ISIN or CUSIP",
            ("cik", "compositefigi", "sharefigi", "figi", "isin", "cusip", "permaticker"),
        ),
        "known_from": Field(pl.Date(), "the day from which on this holds", given=False, compared=False),
        "source": Field(_TEXT, "the vendor or the file", given=False, compared=False),
    },
    key=("symbol",),
    kept="versions",
    order=30,
    known="known_from",
    kind=UNIVERSE,
    offers=("universe",),
    scanned=True,
    in_files=True,
    extras={
        "etf": ("etf", "isetf"),
        "test": ("testissue", "istest"),
        "nextshares": ("nextshares",),
        "currency": CURRENCY,
        "price": ("price", "lastsale", "lastprice", "close"),
        "volume": ("volume",),
        "millions": (
            "marketcapm",
            "marketcapmillions",
            "marketcapinmillions",
            "marketcapmil",
            "marketcapmln",
            "mktcapm",
        ),
        "billions": ("marketcapb", "marketcapbillions", "marketcapinbillions", "marketcapbn", "mktcapb"),
    },
    prepare=_prepare,
    told=lambda found: "symbol" in found and any(name in found for name in ("name", "exchange", "sector")),
)
