"""Symbols of files: in columns, and in the names that vendors give to files of one symbol."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

import polars as pl

from tapescan.core.errors import FileError
from tapescan.core.text import printable
from tapescan.importing.texts import place_of, plain, refuse_no_text, unquoted
from tapescan.market.distinct import distinct_symbols, each_once
from tapescan.market.spelling import CLASSED, is_symbol, normal_spelling
from tapescan.tables.names import SYMBOL

__all__ = [
    "file_symbol",
    "file_symbols",
    "is_no_symbol",
    "normal_and_each",
    "normal_symbols",
    "other_symbol",
    "refuse_two_symbols",
]

_ENDS = r"(?i)\.(?:csv|txt|tsv|parquet|pq|json|ndjson|jsonl|xlsx|xlsm|xls|ods|feather|arrow|ipc|gz|bz2|zip|xz|zst)$"
#: Words in names of files that are no symbols: vendors, exchanges, what is inside.
_WORDS = """
1d 1day adj adjsplit adjsplitdiv adjusted adobe all alpaca alphabet alphavantage amazon amex and apple arca arcx
asx backup bar barchart bars bats batscloud bist boeing book bulk candle candles cboe cboebzx chart cisco clean
cleaned close combined common companies company components constituents copy corp csv d daily data data1
databento dataset datasets day dayly days db df disney dividend dividends dl dly dow download downloaded eod
eoddata eodhd equities equity etf etfs export facebook feed file files final finnhub finviz fixed frame from
full google hist historic historical historicaldata history hour hourly ib ibkr iex iexg inc index indices input
inputs intel intraday investing kline klines last latest list market marketwatch massive max merged microsoft
min minute month months my nasdaq netflix new nike nms no nvidia nyse nysearca of ohlc ohlcv old otc out output
page polygon portfolio price pricehistory prices quandl query quote quotes raw report reports response result
results sample screener securities security series sharadar share shares sheet simfin smart snapshot snp sp
split splits starbucks stk stock stockdata stocks stooq symbol symbols table temp tesla test the ticker tickers
tiingo time timeseries tmp to today trade trades tradingview train training tv unadj unadjusted universe
untitled updated us usa v volume walmart watchlist weeks wiki xase xcbo xnas xnys yahoo year years yesterday yf
yfinance zip
"""
_NOISE = frozenset(_WORDS.split())
#: Companies that people call files by, whose symbols are others.
_COMPANIES = frozenset(["apple", "tesla", "intel", "nike", "cisco", "adobe"])
#: What no text of a symbol holds: blanks, but before a class as in "BRK B".
_SENTENCE = r"\s"
_WITH_CLASS = r"^[A-Za-z]{1,6} (?:[A-Za-z]{1,3}|(?i:pr) [A-Za-z])$"
#: A symbol of which nothing need be looked at.
_PLAIN = "^[A-Z][A-Z0-9]{0,15}$"
#: Markets that stand before or behind a symbol: NASDAQ:AAPL, US.AAPL, "AAPL US Equity", AAPL.XNAS, AAPL.OQ.
_MARKETS = "us|usa|nasdaq|nyse|amex|arca|bats|nysearca|nyseamerican|cboe|otc|iex|xnas|xngs|xnms|xncm|xnys|xase|arcx"
_MARKET_BEFORE = rf"(?i)^(?:(?:{_MARKETS}|eq):|us\.)"
_MARKET_BEHIND = rf"(?i)(?: us| equity| u[snwqaprv] equity|[.:@-](?:{_MARKETS})|\.oq)$"
#: A name that is a symbol as it stands.
_CLASS = (
    r"(?:\.(?i:[a-cp-rtu-z])|[-_^$ ][A-Za-z]|[-._^$ ](?i:ws|wt|un|rt|pr|wi|p[a-z]|pr[a-z])|[-.](?i:pr?)[-.][A-Za-z])"
)
_WHOLE = rf"^\^?(?:[A-Z]{{1,6}}|[A-Za-z]{{1,5}}){_CLASS}?$|^\^[A-Za-z0-9]{{1,10}}$"
_CAPITALS = r"^\^?[A-Z]{1,6}(?:[-.^][A-Z]{1,3})?$"
_LISTED = r"^[A-Za-z][A-Za-z0-9]*(?:[-._^$][A-Za-z0-9]{1,3})*$"
_PREFERRED = r"^[A-Z]{1,5}p[A-Z]?$"


def _without_ends(name: str) -> str:
    """A file's name without its endings: ``aapl.us.txt.gz`` is aapl.us."""
    while re.search(_ENDS, name):
        name = re.sub(_ENDS, "", name)
    return name


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
    stem = _without_ends(name.replace("\\", "/").rsplit("/", 1)[-1])
    stem = re.sub(r"\s*\(\d+\)$|(?i:\s*-\s*copy)$", "", unquote(stem).strip().removeprefix("$"))
    listed = re.sub(r"(?i)[._]us(?:[._]d)?$", "", stem)
    if listed != stem and re.fullmatch(_LISTED, listed):
        return listed  # named as listed in the US: nan.us.txt is NAN
    if (re.fullmatch(_WHOLE, stem) or re.fullmatch(_PREFERRED, stem)) and not _is_noise(stem):
        return stem
    words = [word for part in re.split(r"[\s,_()\[\]:@]+|(?<=\w)-(?=[A-Za-z0-9]{2})", stem) for word in _split(part)]
    left = [word for word in words if not _is_noise_word(word)]
    if len(left) == 2 and re.fullmatch(rf"(?i)(?:{CLASSED})[A-C]", "".join(left)):
        left = [".".join(left)]  # BRK_B_daily
    if len(left) > 1:  # of words and one symbol, that in capitals: "AAPL from 2010"
        capitals = [word for word in left if re.fullmatch(_CAPITALS, word)]
        left = capitals if all(re.search("[a-z]", word) for word in left if word not in capitals) else []
    if len(left) != 1 or not (re.fullmatch(_WHOLE, left[0]) or re.fullmatch(_PREFERRED, left[0])):
        return None
    return left[0]


def _split(word: str) -> list[str]:
    """A word without what stands before or after a point and is none of it: XNAS.AAPL, AAPL.daily."""
    one, _, two = word.rpartition(".")
    abroad = re.fullmatch(r"\d{1,6}", one) is not None  # 7203.T
    if one and not abroad and any(len(part) > 1 and _is_noise_word(part) for part in (one, two)):
        return [*_split(one), two]
    return [word] if word else []


def _is_noise(stem: str) -> bool:
    """Whether a bare name is a word and no symbol; in capitals it is a symbol, as DATA once was."""
    return stem.lower() in _NOISE and (stem != stem.upper() or len(stem) > 5 or stem.lower() in _COMPANIES)


def _is_noise_word(word: str) -> bool:
    """Whether it is a word that names no share; none with a digit does, but those of indices."""
    if word.startswith("^"):
        return False
    return word.lower() in _NOISE or not re.search("[A-Za-z]", word) or re.search(r"\d", word) is not None


def normal_symbols(symbols: pl.Series) -> pl.Series:
    """Symbols in the spelling of `market.spelling`, without a market's name; null where nothing is left.

    What can be no symbol stays as it is, for `is_no_symbol`.
    """
    return normal_and_each(symbols)[0]


def normal_and_each(symbols: pl.Series) -> tuple[pl.Series, pl.Series]:
    """As `normal_symbols`, and each different one of these, some of them more than once."""
    each: list[pl.Series] = []

    def change(some: pl.Series) -> pl.Series:
        each.append(_normal(some))
        return each[0]

    return each_once(symbols, change), each[0]


def _normal(symbols: pl.Series) -> pl.Series:
    known = distinct_symbols(symbols)
    known = known.filter(~known.str.contains(_PLAIN))
    if known.is_empty():
        return symbols
    bare = unquoted(known).str.replace(_MARKET_BEFORE, "").str.replace(_MARKET_BEHIND, "")
    normal = normal_spelling(bare)
    usable = is_symbol(normal) & ~_is_sentence(bare)
    normal = pl.select(pl.when(usable).then(normal).otherwise(bare)).to_series()
    normal = normal.set(normal == "", None)
    changed = normal.ne_missing(known)
    if not changed.any():
        return symbols
    # A ticker that means a missing value to others is text like any other here: no null is ever read from it.
    return symbols.replace(known.filter(changed), normal.filter(changed))


def is_no_symbol(normal: pl.Series, each: pl.Series | None = None) -> pl.Series:
    """Whether each of some `normal_symbols` can be no symbol: a sentence, a footer, unseen characters.

    each : the different ones, where they are known (`normal_and_each`).
    """
    known = distinct_symbols(normal if each is None else each)
    wrong = known.filter(~known.str.contains(_PLAIN))
    wrong = wrong if wrong.is_empty() else wrong.filter(~is_symbol(wrong) | _is_sentence(wrong))
    if wrong.is_empty():
        return pl.repeat(value=False, n=len(normal), dtype=pl.Boolean, eager=True)
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
