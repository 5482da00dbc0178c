"""Who is listed on the invented market, and how each vendor spells it.

Prices, names and companies are invented. The first symbols are there for what is odd about them: see ``SPECIAL``.
The spellings are written here once more, on purpose without tapescan's own table, so that a test compares two
independent answers.
"""

from __future__ import annotations

import string
from dataclasses import dataclass

import numpy as np

__all__ = ["SPECIAL", "Security", "spelled", "universe"]

#: Symbol -> type, exchange, what it is there for.
SPECIAL: dict[str, tuple[str, str, str]] = {
    "AAPL": ("CS", "XNAS", "an ordinary share with every bar"),
    "BRK.A": ("CS", "XNYS", "a share class"),
    "BRK.B": ("CS", "XNYS", "a second class of the same company"),
    "KIM": ("CS", "XNYS", "a share that has a preferred"),
    "KIM^L": ("PFD", "XNYS", "a preferred"),
    "RAC": ("CS", "XNYS", "a share that has warrants and units"),
    "RAC.WS": ("WARRANT", "XNYS", "a warrant"),
    "RAC.U": ("UNIT", "XNYS", "a unit"),
    "NA": ("CS", "XNAS", "a ticker that reads like a missing value"),
    "TRUE": ("CS", "XNAS", "a ticker that reads like a truth value"),
    "SPLT": ("CS", "XNAS", "4-for-1 split half way, 2-for-1 announced for after the end"),
    "RSPL": ("CS", "XNAS", "1-for-10 reverse split at two thirds"),
    "TWOS": ("CS", "XNYS", "two splits: 3-for-1 at a third, 3-for-2 at two thirds"),
    "DIVI": ("CS", "XNYS", "regular dividends and one special"),
    "LATE": ("CS", "XNAS", "listed half way"),
    "GONE": ("CS", "XNAS", "delisted half way"),
    "HALT": ("CS", "XNYS", "no bar on the one session half way"),
    "THIN": ("CS", "XASE", "trades about every third session"),
    "FLOT": ("CS", "XNAS", "volume is never a whole number"),
    "NOVW": ("CS", "XNAS", "bars without n and vw"),
    "PNNY": ("CS", "XASE", "costs less than a dollar"),
    "FORN": ("ADRC", "XNYS", "files 20-F, IFRS, in euros"),
    "FNDX": ("ETF", "ARCX", "a fund, without company facts"),
    "BATX": ("ETF", "BATS", "a fund on Cboe BZX"),
    "BLNK": ("CS", "XNAS", "its ETF column is blank in the symbol directory"),
    "ABCDW": ("WARRANT", "XNAS", "a warrant in Nasdaq's spelling, without a mark"),
    "OTCXX": ("CS", "OTC", "traded over the counter"),
}

#: Listed as test issues in the symbol directory; they have no bars.
TEST_ISSUES = ("ZVZZT", "ZWZZT", "ZBZZT")

#: Types of the generated symbols with the share of each.
_TYPES = ("CS", "ETF", "ADRC", "PFD", "WARRANT", "UNIT", "FUND")
_SHARES = (0.58, 0.22, 0.05, 0.07, 0.04, 0.02, 0.02)


@dataclass(frozen=True)
class Security:
    """One row of the listing. type : Massive's code. exchange : MIC, or "OTC". cik : None where there is none.

    first, last : places of its first and last session (last included). delisted : whether it left after ``last``.
    """

    symbol: str
    name: str
    type: str
    exchange: str
    cik: int | None
    first: int
    last: int
    delisted: bool


def universe(count: int, sessions: int, random: np.random.Generator) -> list[Security]:
    """``count`` securities (at least all special ones): about one in twenty listed late, one in thirty delisted."""
    rows: list[Security] = []
    for number, (symbol, (kind, exchange, _)) in enumerate(SPECIAL.items()):
        root = symbol.split(".")[0].split("^")[0]
        cik = 1000 + list(dict.fromkeys(s.split(".")[0].split("^")[0] for s in SPECIAL)).index(root)
        first = sessions // 2 if symbol == "LATE" else 0
        last = sessions // 2 - 1 if symbol == "GONE" else sessions - 1
        name = f"{root.title()} Example Fund" if kind == "ETF" else f"{root.title()} Example Corp. No. {number}"
        rows.append(Security(symbol, name, kind, exchange, cik, first, last, symbol == "GONE"))
    rows += _generated(max(count - len(rows), 0), sessions, random)
    return rows


def _generated(count: int, sessions: int, random: np.random.Generator) -> list[Security]:
    kinds = random.choice(len(_TYPES), count, p=_SHARES)
    late = np.where(random.random(count) < 0.05, random.integers(0, sessions, count), 0)
    gone = np.where(random.random(count) < 0.03, random.integers(0, sessions, count), sessions - 1)
    where = random.choice(3, count, p=(0.55, 0.37, 0.08))
    names = _names(count)
    rows: list[Security] = []
    parent: tuple[str, int] = ("KIM", 1002)
    taken = set(SPECIAL)
    for number in range(count):
        kind, symbol, cik = _TYPES[kinds[number]], names[number], 10_000 + 7 * number
        exchange = ("XNAS", "XNYS", "XASE")[where[number]]
        if kind in ("ETF", "FUND"):
            exchange, cik = ("ARCX" if number % 3 else "BATS"), 5_000_000 + number // 40  # a trust has many funds
        elif kind in ("PFD", "WARRANT", "UNIT"):
            root, cik = parent
            series = string.ascii_uppercase[number % 26]
            ended = {"PFD": f"{root}^{series}", "WARRANT": f"{root}.WS", "UNIT": f"{root}.U"}[kind]
            # A share has one line of warrants and one of units; the next is spelled as Nasdaq does, without a mark.
            symbol = symbol + {"PFD": "P", "WARRANT": "W", "UNIT": "U"}[kind] if ended in taken else ended
            taken.add(ended)
            exchange = "XNAS" if symbol != ended else "XNYS"
        elif number % 97 == 0:
            symbol, exchange = symbol + ".A", "XNYS"
        else:
            parent = (symbol, cik)
        first, last = int(late[number]), int(gone[number])
        if first > last:
            first = 0
        rows.append(
            Security(
                symbol,
                f"{names[number].title()} Example {kind}",
                kind,
                exchange,
                cik,
                first,
                last,
                last < sessions - 1,
            )
        )
    return rows


def _names(count: int) -> list[str]:
    """Four-letter names, scattered over the alphabet, none of them a special one."""
    taken = {symbol.split(".")[0].split("^")[0] for symbol in SPECIAL}
    letters = string.ascii_uppercase
    found: list[str] = []
    number = 0
    while len(found) < count:
        number += 1
        place = number * 7919 % 26**4  # 7919 is prime, so no place comes twice in one round
        name = "".join(letters[place // 26**power % 26] for power in (3, 2, 1, 0))
        if name not in taken:
            found.append(name)
    return found


def spelled(symbol: str, vendor: str) -> str:
    """A symbol as a vendor writes it; vendor : massive, alpaca, yahoo, sec, act, cqs, nasdaq or stooq.

    Where no document gives the spelling of warrants and units (yahoo, sec, stooq), the usual one stands.
    """
    if "^" in symbol:
        root, series = symbol.split("^")
        mark = {"massive": "p", "alpaca": ".PR", "yahoo": "-P", "sec": "-P", "act": "$", "cqs": "p", "nasdaq": "-"}
        mark["stooq"] = "_"
        text = root + mark[vendor] + series
    elif "." in symbol:
        root, ending = symbol.rsplit(".", 1)
        endings = {
            "yahoo": {"WS": "-WT", "U": "-UN"},
            "sec": {"WS": "-WT", "U": "-UN"},
            "act": {"WS": ".W", "U": ".U"},
            "nasdaq": {"WS": "+", "U": "="},
        }
        dashed = vendor in ("yahoo", "sec", "stooq")
        text = root + endings.get(vendor, {}).get(ending, ("-" if dashed else ".") + ending)
    else:
        text = symbol
    return f"{text.lower()}.us" if vendor == "stooq" else text
