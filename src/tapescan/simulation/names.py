"""Names for the simulated market: tickers, companies and what each symbol is like.

Symbols come in groups of ``GROUP``. A group draws from its own random streams, so symbol i is the same
however many are asked for, and its tickers share a beginning, so that a group's bars stay together in a
frame sorted by symbol. All names are invented: five letters, consonant and vowel in turn, which real
tickers seldom are, and a company named after its ticker.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tapescan.core.errors import OptionError
from tapescan.core.typing import Bools, Ints, Singles
from tapescan.market.universe import SECTORS

__all__ = ["CAPACITY", "GROUP", "Traits", "group_order", "group_traits", "listing_of", "stream"]


_CONSONANTS = "BCDFGHJKLMNPQRSTVWXZ"
_VOWELS = "AEIOU"
#: A fifth letter that has no meaning at an exchange (W is a warrant, R a right, P a preferred ...).
_LAST = "BCGHJKLTVZ"
#: Third letters of one group: four groups share a first consonant and vowel.
_THIRDS = ("BCDFG", "HJKLM", "NPQRS", "TVWXZ")

#: Symbols of a group: third letters x vowels x last letters.
GROUP = len(_THIRDS[0]) * len(_VOWELS) * len(_LAST)
_SLOTS = len(_CONSONANTS) * len(_VOWELS) * len(_THIRDS)
#: Coprime to the number of slots: neighbours in number get beginnings far apart in the alphabet.
_STRIDE = 149
#: Symbols that there are names for: five letters, then six with a vowel before them.
CAPACITY = GROUP * _SLOTS * (1 + len(_VOWELS))

#: Types of security and the share of the symbols that are of it. Shares that belong to another symbol
#: (a preferred, a warrant ...) carry that symbol with an ending; units and notes likewise.
_SHARES = {
    "common": 0.835,
    "adr": 0.045,
    "fund": 0.03,
    "preferred": 0.04,
    "warrant": 0.03,
    "unit": 0.01,
    "note": 0.01,
}
_ENDINGS = {"preferred": "_A", "warrant": "-WS", "unit": "-U", "note": "-N"}
_ENDED_NAMES = {
    "preferred": "6.25% Series A Cumulative Preferred Stock",
    "warrant": "Warrants",
    "unit": "Units",
    "note": "7.00% Senior Notes due 2040",
}
_TYPE_NAMES = tuple(_SHARES)

#: Rough shares of the sectors of a real market, in the order of SECTORS.
_SECTOR_SHARES = (0.05, 0.12, 0.05, 0.05, 0.18, 0.20, 0.12, 0.13, 0.05, 0.03, 0.02)

#: What companies of a sector call themselves, and the industry of those that do.
_BUSINESSES = {
    "Communication Services": (
        ("Broadcasting", "Broadcasting"),
        ("Networks", "Telecom Services"),
        ("Games", "Games"),
    ),
    "Consumer Discretionary": (("Outfitters", "Apparel"), ("Motors", "Auto Makers"), ("Kitchens", "Restaurants")),
    "Consumer Staples": (("Foods", "Packaged Foods"), ("Household", "Household Products"), ("Brewing", "Beverages")),
    "Energy": (("Petroleum", "Oil & Gas Production"), ("Drilling", "Oilfield Services"), ("Pipelines", "Pipelines")),
    "Financials": (("Bancorp", "Banks"), ("Insurance", "Insurance"), ("Capital", "Asset Management")),
    "Health Care": (("Therapeutics", "Biotechnology"), ("Pharma", "Drug Makers"), ("Surgical", "Medical Devices")),
    "Industrials": (("Machinery", "Machinery"), ("Freight", "Trucking"), ("Aerospace", "Aerospace")),
    "Information Technology": (
        ("Software", "Software"),
        ("Semiconductor", "Semiconductors"),
        ("Systems", "Hardware"),
    ),
    "Materials": (("Chemical", "Chemicals"), ("Mining", "Metals"), ("Paper", "Packaging")),
    "Real Estate": (("Properties", "REIT - Retail"), ("Residential", "REIT - Homes"), ("Storage", "REIT - Storage")),
    "Utilities": (("Electric", "Electric Utilities"), ("Water", "Water Utilities"), ("Gas Light", "Gas Utilities")),
}
_EXCHANGES = ("NASDAQ", "NYSE", "AMEX")
_COUNTRIES = ("China", "United Kingdom", "Israel", "Japan", "Brazil", "Switzerland")


@dataclass(frozen=True)
class Traits:
    """What the symbols of one group are like; arrays of ``GROUP`` values, in the order of the symbols.

    type, sector : places in the names of types and in SECTORS.
    business, exchange, country : places in the word lists.
    price : the first close in $, 1 to 500 for shares.
    volatility : a session's own standard deviation of the log return, without market and sector.
    beta, sector_beta : exposure to the market's and the own sector's return.
    dollars : natural logarithm of a usual session's traded $.
    dividend : quarterly dividend as a share of the price; 0 for none.
    """

    symbols: tuple[str, ...]
    type: Ints
    sector: Ints
    business: Ints
    exchange: Ints
    country: Ints
    price: Singles
    volatility: Singles
    beta: Singles
    sector_beta: Singles
    dollars: Singles
    dividend: Singles

    def is_type(self, *names: str) -> Bools:
        """Whether each symbol is of one of these types."""
        return np.isin(self.type, [_TYPE_NAMES.index(name) for name in names])


def stream(seed: int, *key: int) -> np.random.Generator:
    """The random stream of one purpose: independent of every other key, the same on any number of threads."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=key)))


def group_order(symbols: int) -> list[int]:
    """The groups that hold the first ``symbols`` symbols, ordered by their tickers."""
    if symbols > CAPACITY:
        raise OptionError(f"no names for {symbols:,} simulated symbols", f"ask for at most {CAPACITY:,}")
    return sorted(range(-(-symbols // GROUP)), key=_beginning)


def _beginning(group: int) -> tuple[str, str]:
    """The first letters that the tickers of a group share, and their third letters."""
    again, number = divmod(group, _SLOTS)
    slot, third = divmod(number * _STRIDE % _SLOTS, len(_THIRDS))
    first, second = divmod(slot, len(_VOWELS))
    extra = _VOWELS[again - 1] if again else ""
    return extra + _CONSONANTS[first] + _VOWELS[second], _THIRDS[third]


def group_traits(seed: int, group: int) -> Traits:
    """Draw what the symbols of a group are like. Independent of the number of sessions."""
    draw = stream(seed, 1, group)
    kind = draw.choice(len(_SHARES), GROUP, p=list(_SHARES.values()))
    # A symbol with an ending needs its company before it; two in a row would need two endings.
    ended = np.isin(kind, [_TYPE_NAMES.index(name) for name in _ENDINGS])
    ended[0] = False
    for lane in np.flatnonzero(ended):
        ended[lane] = not ended[lane - 1]
    kind = np.where(np.isin(kind, [_TYPE_NAMES.index(name) for name in _ENDINGS]) & ~ended, 0, kind)
    owner = np.arange(GROUP) - ended
    kind[owner[ended]] = 0

    sector = draw.choice(len(SECTORS), GROUP, p=_SECTOR_SHARES)[owner]
    price = np.exp(np.clip(draw.normal(np.log(24.0), 1.05, GROUP), 0.05, np.log(480.0)))
    # Cheap shares swing more and trade less.
    cheap = 0.22 * (np.log(24.0) - np.log(price))
    volatility = 0.021 * np.exp(cheap + draw.normal(0.0, 0.35, GROUP)).clip(0.4, 3.2)
    dollars = draw.normal(15.2, 2.1, GROUP) - 3.0 * cheap
    beta = draw.normal(1.0, 0.35, GROUP).clip(0.0, 2.5)
    sector_beta = draw.normal(1.0, 0.3, GROUP).clip(0.0, 2.0)
    dividend = np.where(draw.random(GROUP) < 0.35, draw.uniform(0.002, 0.012, GROUP), 0.0)
    dividend[~np.isin(kind, [0, 1])] = 0.0

    def settle(name: str, level: tuple[float, float], swing: float, exposure: float, traded: float) -> None:
        """Make the securities of one type what they are: their price, own volatility, betas and trading."""
        lanes = np.flatnonzero(kind == _TYPE_NAMES.index(name))
        price[lanes] = draw.uniform(*level, len(lanes))
        volatility[lanes] = swing * draw.uniform(0.7, 1.3, len(lanes))
        beta[lanes] *= exposure
        sector_beta[lanes] *= exposure
        dollars[lanes] += traded

    settle("fund", (10.0, 120.0), 0.004, 1.0, 0.0)
    settle("preferred", (17.0, 27.0), 0.005, 0.2, -2.5)
    settle("warrant", (0.1, 3.0), 0.05, 1.2, -3.5)
    settle("unit", (9.9, 11.0), 0.003, 0.05, -4.0)
    settle("note", (20.0, 26.0), 0.004, 0.1, -3.0)
    dividend[np.isin(kind, [_TYPE_NAMES.index("preferred"), _TYPE_NAMES.index("note")])] = 0.015
    sector_beta[kind == _TYPE_NAMES.index("fund")] = 0.0

    single = np.float32
    return Traits(
        symbols=_tickers(group, kind, owner),
        type=kind,
        sector=sector,
        business=draw.integers(0, 3, GROUP)[owner],
        exchange=draw.choice(3, GROUP, p=(0.58, 0.38, 0.04))[owner],
        country=draw.integers(0, len(_COUNTRIES), GROUP),
        price=price.astype(single),
        volatility=volatility.astype(single),
        beta=beta.astype(single),
        sector_beta=sector_beta.astype(single),
        dollars=dollars.astype(single),
        dividend=dividend.astype(single),
    )


def _tickers(group: int, kind: Ints, owner: Ints) -> tuple[str, ...]:
    """Ascending tickers; a security of another symbol's company is that ticker with an ending."""
    beginning, thirds = _beginning(group)
    plain = [beginning + third + vowel + last for third in thirds for vowel in _VOWELS for last in _LAST]
    endings = [_ENDINGS.get(name, "") for name in _TYPE_NAMES]
    return tuple(plain[of] + endings[of_type] for of, of_type in zip(owner.tolist(), kind.tolist(), strict=True))


def listing_of(traits: Traits, count: int) -> pl.DataFrame:
    """The listing of the first ``count`` symbols of a group, in the columns of the universe."""
    rows = []
    sectors = traits.sector.tolist()
    for lane in range(count):
        symbol, kind = traits.symbols[lane], _TYPE_NAMES[traits.type[lane]]
        sector = SECTORS[sectors[lane]]
        word, industry = _BUSINESSES[sector][traits.business[lane]]
        stem = symbol.split("-")[0].split("_")[0].capitalize()
        country = "United States"
        if kind == "fund":
            name, sector, industry = f"{stem} Income Fund", "Financials", "Closed-End Fund"
        elif kind == "adr":
            name, country = f"{stem} {word} plc American Depositary Shares", _COUNTRIES[traits.country[lane]]
        else:
            name = f"{stem} {word} Inc. {_ENDED_NAMES.get(kind, 'Common Stock')}"
        rows.append((symbol, name, _EXCHANGES[traits.exchange[lane]], sector, industry, country, kind))
    columns = ("symbol", "name", "exchange", "sector", "industry", "country", "type")
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
