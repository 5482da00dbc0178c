"""Columns of the listing, and of how far a symbol's bars reach."""

from __future__ import annotations

from tapescan.columns.definition import Column, Source

__all__ = ["SOURCE"]


def _text(name: str, title: str, meaning: str) -> Column:
    return Column(name, title, "", "listing", meaning, kind="String", always=True)


SOURCE = Source(
    name="listing",
    title="The listing, and how far a symbol's bars reach",
    order=10,
    columns=(
        _text("symbol", "symbol", "the symbol in one spelling for all vendors: BRK.B, KIM^L, RAC.WS"),
        _text("name", "name", "the security's name in the listing; empty where there is none"),
        _text("exchange", "exchange", "where it is listed"),
        _text("sector", "sector", "one of the eleven GICS sectors; empty where the listing names none"),
        _text("industry", "industry", "the listing's own word for what the company does"),
        _text("country", "country", "where the company is at home"),
        _text("type", "type of security", "common, adr, spac, preferred, warrant, right, unit, note, fund, unknown"),
        Column(
            "bars", "bars", "bars", "history", "how many bars it has up to the as-of session", low=0.0, kind="Int64",
            always=True,
        ),
        Column("newest", "newest bar", "", "history", "the date of its newest bar", kind="Date", always=True),
        Column(
            "sessions_behind", "sessions behind", "sessions", "history",
            "how many sessions of the exchange came after its newest bar: 0 for a fresh one", low=0.0, kind="Int64",
            always=True,
        ),
        Column(
            "listed_market_cap", "market value in the listing", "dollars", "listing",
            "the market value that the listing itself names, of the day of the listing and not of the scan", low=0.0,
        ),
        Column(
            "ipo_year", "year of listing", "year", "listing", "the year in which it was first listed", kind="Int64"
        ),
    ),
)  # fmt: skip
