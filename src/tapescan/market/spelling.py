"""The spelling of symbols: one for all vendors.

Vendors write one share in many ways: ``BRK-B``, ``BRK.B`` and ``BRK/B``; ``KIM_L``, ``KIM^L``, ``KIM$L``,
``KIM-PL``, ``KIM.PRL`` and ``KIMpL``; ``RAC-WS``, ``RAC.WT`` and ``RAC.W``. Ours is the dot before a share class,
WS (warrants), U (units) and R (rights), and ``^`` before a preferred's series: BRK.B, KIM^L, RAC.WS.
"""

from __future__ import annotations

import polars as pl

__all__ = ["CLASSED", "is_dollar", "is_symbol", "normal_spelling", "spelling_key"]

#: Companies whose letter is a share class, not a preferred's series, also behind an underscore: BRK_B.
CLASSED = (
    "AKO|BBD|BF|BH|BIO|BRK|CBS|CIG|CRD|CWEN|EBR|FCE|GEF|GTN|HEI|HUB|HVT|JW|LEN|LGF|MKC|MOG|NYLD|PBR|RDS|STZ|TAP|UHAL"
    "|VIA|WSO"
)

#: The longest symbol: an option-like name of a security that no exchange lists is longer.
_LONGEST = 16
#: Letters and digits in parts, between them one mark; ``^`` before an index (^GSPC) and after a preferred (ETI^).
#: The series of a preferred has one letter, or two: a longer tail is a file's name (daily_AAPL).
_PLAUSIBLE = r"^\^?[A-Za-z0-9]+(?:[./=-][A-Za-z0-9]+|[\^_$][A-Za-z0-9]{1,2})*[\^#]?$"


def is_symbol(symbol: pl.Series) -> pl.Series:
    """Whether each text can be a symbol, in ours or a vendor's spelling; a missing one cannot.

    At most 16 characters: ASCII letters, of which there is at least one, digits, single marks ``. - / ^ = _ $``
    inside, ``^`` or ``#`` (when issued) at the end, ``^`` at the beginning (an index). No blanks, so no sentence.
    """
    text = pl.nth(0)
    plausible = text.str.contains(_PLAUSIBLE) & text.str.contains("[A-Za-z]") & (text.str.len_chars() <= _LONGEST)
    return symbol.to_frame().select(plausible.fill_null(value=False)).to_series()


#: How vendors write US dollars, lower case; cents and other countries' dollars are not.
_DOLLARS = (
    "usd",
    "us$",
    "$",
    "us dollar",
    "us dollars",
    "u.s. dollar",
    "united states dollar",
    "dollar",
    "dollars",
    "",
)


def is_dollar(currency: pl.Expr) -> pl.Expr:
    """Whether a currency is US dollars; one that is not said is."""
    return currency.str.strip_chars().str.to_lowercase().is_in(_DOLLARS).fill_null(value=True)


def normal_spelling(symbol: pl.Series) -> pl.Series:
    """Our spelling of each symbol, in upper case; what has no such marks stays as it is."""
    key = spelling_key(symbol)
    return key.str.replace_all("-", ".", literal=True)


def spelling_key(symbol: pl.Series) -> pl.Series:
    """One spelling for all vendors': ``-`` before a class, WS, U or R, and ``^`` before a preferred's series."""
    symbol = symbol.cast(pl.String).str.strip_chars()
    odd = symbol.filter(symbol.str.contains("[^A-Z]")).unique()
    if odd.is_empty():
        return symbol
    # Letters are upper case but for the p of a preferred: KIMpL.
    upper = pl.nth(0).str.replace(r"^([A-Z]+)p([A-Z]*)$", "$1^$2").str.to_uppercase()
    spelled = (
        upper.str.replace(rf"^({CLASSED})_([A-C])$", "$1-$2")
        .str.replace(r"^([A-Z]+)[-./ ]PR?[-. ]?([A-Z]?)$", "$1^$2")
        .str.replace(r"_(WS|WTS?|UN|RT)$", "-$1")
        .str.replace(r"\+$", "-WS")
        .str.replace_all(r"[_$]", "^")
        .str.replace_all(r"[./ +]", "-")
        .str.replace(r"-(?:WT|WTS|W)$", "-WS")
        .str.replace(r"-UN$|=$", "-U")
        .str.replace(r"-RT$", "-R")
    )
    return symbol.replace(odd, odd.to_frame().select(spelled).to_series())
