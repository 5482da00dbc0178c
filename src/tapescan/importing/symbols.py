"""Symbols of files: in columns, and in the names that vendors give to files of one symbol."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from tapescan.core.errors import FileError
from tapescan.core.text import printable
from tapescan.importing.texts import place_of, plain, refuse_no_text
from tapescan.market.spelling import is_symbol, normal_spelling
from tapescan.tables.names import SYMBOL

__all__ = [
    "ends_of",
    "file_symbol",
    "file_symbols",
    "is_no_symbol",
    "normal_symbols",
    "other_symbol",
    "refuse_two_symbols",
]

_ENDS = r"(?i)\.(?:csv|txt|tsv|parquet|pq|json|ndjson|jsonl|xlsx|xlsm|xls|ods|feather|arrow|ipc|gz|bz2|zip|xz|zst)$"
#: Words in names of files that are no symbols: vendors, exchanges, what is inside.
_WORDS = """
adj adjsplit adjsplitdiv adjusted all alpaca alphavantage amex arca asx backup bar bars barchart bats batscloud
bist bulk cboe cboebzx chart close copy csv d daily data databento day days db dividend dividends dl download
downloaded eod eoddata eodhd equity export feed file files finnhub finviz fixed full historical historicaldata
history hist index indices intraday investing iex list market max massive marketwatch nasdaq nms no nyse
nysearca ohlc ohlcv otc output polygon price pricehistory prices quandl quote quotes raw series sharadar simfin
snapshot split splits stock stockdata stocks stooq symbol symbols table tiingo test ticker tickers timeseries
tradingview tv unadj unadjusted us usa volume wiki yahoo yf yfinance zip 1d 1day
"""
_NOISE = frozenset(_WORDS.split())
#: What no text of a symbol holds: blanks, but before a class as in "BRK B".
_SENTENCE = r"\s"
_WITH_CLASS = r"^[A-Za-z]{1,6} (?:[A-Za-z]{1,3}|(?i:pr) [A-Za-z])$"
#: A name that is a symbol as it stands.
_WHOLE = r"^\^?[A-Za-z]{1,6}(?:[-._^$ ](?:[A-Za-z]|(?i:ws|wt|un|rt|pr|wi|p[a-z]|pr[a-z])))?$|^\^[A-Za-z0-9]{1,10}$"
_LISTED = r"^[A-Za-z][A-Za-z0-9]*(?:[-._^$][A-Za-z0-9]{1,3})*$"
_PREFERRED = r"^[A-Z]{1,5}p[A-Z]?$"


def ends_of(name: str) -> tuple[str, str]:
    """A file's name without its endings, and these in lower case: ``aapl.us.txt.gz`` is (aapl.us, .txt.gz)."""
    stem = name
    while re.search(_ENDS, stem):
        stem = re.sub(_ENDS, "", stem)
    return stem, name[len(stem) :].lower()


def file_symbol(name: str) -> str | None:
    """As `file_symbols`, of one."""
    return file_symbols([name])[0]


def file_symbols(names: Sequence[str]) -> list[str | None]:
    """The symbol that each file is named by; None where its name is none.

    ``AAPL.csv`` and ``aapl.us.txt`` are AAPL, ``KIMpL.csv`` is KIM^L; vendors' own names are known, as
    ``daily_AAPL.csv``, ``AAPL (1).csv`` and ``BATS_AAPL, 1D.csv``.
    """
    told = pl.Series([_told(name) for name in names], dtype=pl.String)
    return normal_spelling(told).to_list()  # all at once: one by one it costs a hundred times as much


def _told(name: str) -> str | None:
    """The symbol in a file's name, as it is written there."""
    stem, _ = ends_of(name.replace("\\", "/").rsplit("/", 1)[-1])
    stem = re.sub(r"\s*\(\d+\)$|(?i:\s*-\s*copy)$", "", stem.strip())
    listed = re.sub(r"(?i)[._]us(?:[._]d)?$", "", stem)
    if listed != stem and re.fullmatch(_LISTED, listed):
        return listed  # named as listed in the US: nan.us.txt is NAN
    if (re.fullmatch(_WHOLE, stem) or re.fullmatch(_PREFERRED, stem)) and not _is_noise(stem):
        return stem
    words = [word for word in re.split(r"[\s,_()\[\]:]+|(?<=\w)-(?=\w{2})", stem) if word]
    left = [word for word in words if not _is_noise_word(word)]
    if len(left) != 1 or not (re.fullmatch(_WHOLE, left[0]) or re.fullmatch(_PREFERRED, left[0])):
        return None
    return left[0]


def _is_noise(stem: str) -> bool:
    """Whether a bare name is a word and no symbol; in capitals it is a symbol, as DATA once was."""
    return stem.lower() in _NOISE and (stem != stem.upper() or len(stem) > 5)


def _is_noise_word(word: str) -> bool:
    return word.lower() in _NOISE or not re.search("[A-Za-z]", word) or re.fullmatch(r"\d{4,}.*", word) is not None


def normal_symbols(symbols: pl.Series) -> pl.Series:
    """Symbols in the spelling of `market.spelling`, without a market suffix ``.US``; null where nothing is left.

    What can be no symbol stays as it is, for `is_no_symbol`.
    """
    known = symbols.unique().drop_nulls()
    bare = known.str.strip_chars().str.replace(r"(?i)\.us$", "")
    bare = bare.str.replace(r"^(?:NASDAQ|NYSE|AMEX|ARCA|BATS|NYSEARCA|CBOE|OTC):", "")
    normal = normal_spelling(bare)
    usable = is_symbol(normal) & ~_is_sentence(bare)
    normal = pl.select(pl.when(usable).then(normal).otherwise(bare)).to_series()
    normal = normal.set(normal == "", None)
    changed = normal.ne_missing(known)
    if not changed.any():
        return symbols
    new = pl.DataFrame({"old": known.filter(changed), "new": normal.filter(changed)})
    # A ticker that means a missing value to others is text like any other here: no null is ever read from it.
    return symbols.replace(new["old"], new["new"])


def is_no_symbol(normal: pl.Series) -> pl.Series:
    """Whether each of some `normal_symbols` can be no symbol: a sentence, a footer, unseen characters."""
    known = normal.unique().drop_nulls()
    wrong = known.filter(~is_symbol(known) | _is_sentence(known))
    return normal.is_in(wrong.implode()).fill_null(value=False)


def _is_sentence(texts: pl.Series) -> pl.Series:
    return texts.str.contains(_SENTENCE) & ~texts.str.contains(_WITH_CLASS)


def other_symbol(names: Sequence[str], columns: dict[str, str]) -> str | None:
    """A second column that names the symbol, where a file has both ``symbol`` and ``ticker``."""
    sure = SYMBOL[:3]
    if plain(columns.get("symbol", "")) not in sure:
        return None
    return next((name for name in names if plain(name) in sure and name != columns["symbol"]), None)


def refuse_two_symbols(frame: pl.DataFrame, column: str, other: str, path: str, first_row: int | None) -> None:
    """Two columns that name the symbol must say the same, since nobody can know which one is meant."""
    for name in (column, other):
        refuse_no_text(frame[name], path, name)
    one, two = (normal_symbols(frame[name].cast(pl.String)) for name in (column, other))
    differ = one.ne_missing(two).arg_true()
    if len(differ):
        at = int(differ[0])
        said = [printable(text, 60) if text else "nothing" for text in (one[at], two[at])]
        raise FileError(
            f"{path}, {place_of(at, first_row)}: column {printable(column)} says {said[0]}"
            f" and column {printable(other)} says {said[1]}",
            "two columns name the symbol; take out one of them",
        )
