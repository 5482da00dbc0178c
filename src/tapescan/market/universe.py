"""The universe: one row a symbol, with its listing, sector and type of security.

``build_universe`` joins the symbols of the bars with the rows of a listing, whatever vendor it came from:

- The same share is found under every vendor's spelling of its symbol: ``BRK-B``, ``BRK.B`` and ``BRK/B``;
  ``KIM_L``, ``KIM^L``, ``KIM$L``, ``KIM-PL`` and ``KIMpL``; ``RAC-WS``, ``RAC.WT`` and ``RAC.W``.
- Sectors are given in one set of names, ``SECTORS``. A spelling that no table knows is kept as it is.
- The type is the vendor's code where the listing has one, else what the name says, else what the industry
  says, else what the form of the symbol says; ``unknown`` where nothing says anything.

Nothing is dropped: a symbol without a listing row has empty texts and a type from its form alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tapescan.core.typing import Shorts
from tapescan.market.spelling import spelling_key

__all__ = [
    "COLUMNS",
    "SECTORS",
    "TYPES",
    "build_universe",
    "industry_numbers",
    "is_index",
    "listing_numbers",
    "sector_name",
    "spelling_key",
]

#: Columns of the universe, all text; "" where nothing is known.
COLUMNS = ("symbol", "name", "exchange", "sector", "industry", "country", "type")

#: The eleven sectors of the Global Industry Classification Standard. "" is the twelfth answer: unknown.
SECTORS = (
    "Communication Services",
    "Consumer Discretionary",
    "Consumer Staples",
    "Energy",
    "Financials",
    "Health Care",
    "Industrials",
    "Information Technology",
    "Materials",
    "Real Estate",
    "Utilities",
)

#: Types of security.
TYPES = (
    "common",  # shares of a company, of any class; also limited partnerships, and trusts that run a business
    "adr",  # depositary receipts and New York registry shares of a foreign company
    "spac",  # shares of a blank-check company that has not merged
    "preferred",  # preferred shares and depositary shares of them; mandatory convertibles
    "warrant",
    "right",
    "unit",  # of a share and warrants or rights, or a tangible equity unit
    "note",  # exchange-listed debt, and trust certificates of it
    "index",  # a market index itself, which nobody can buy
    "fund",  # closed-end and exchange-traded funds, exchange-traded notes
    "when-issued",  # what is not there yet: shares of a spin-off or after a split
    "test",  # an exchange's own symbols, with which it tries its machines
    "unknown",
)

#: Vendors' spellings of a sector, lower case, on the names above. Nasdaq's listing (first of a line),
#: Finviz and Yahoo (which share theirs), GICS and its abbreviations.
_SECTOR_OF = {
    "telecommunications": "Communication Services",
    "communication services": "Communication Services",
    "communications": "Communication Services",
    "telecommunication services": "Communication Services",
    "consumer discretionary": "Consumer Discretionary",
    "consumer cyclical": "Consumer Discretionary",
    "consumer services": "Consumer Discretionary",
    "consumer staples": "Consumer Staples",
    "consumer defensive": "Consumer Staples",
    "consumer non-durables": "Consumer Staples",
    "energy": "Energy",
    "finance": "Financials",
    "financial": "Financials",
    "financials": "Financials",
    "financial services": "Financials",
    "health care": "Health Care",
    "healthcare": "Health Care",
    "industrials": "Industrials",
    "industrial": "Industrials",
    "industrial goods": "Industrials",
    "capital goods": "Industrials",
    "technology": "Information Technology",
    "information technology": "Information Technology",
    "basic materials": "Materials",
    "materials": "Materials",
    "basic industries": "Materials",
    "real estate": "Real Estate",
    "utilities": "Utilities",
    "public utilities": "Utilities",
    # What vendors write for "we do not know".
    "miscellaneous": "",
    "n/a": "",
    "na": "",
    "none": "",
    "unknown": "",
    "-": "",
}

#: Vendors' codes of a type, lower case. Massive's reference list first, then words others use.
_TYPE_OF = {
    "cs": "common",
    "os": "common",
    "nyrs": "adr",
    "adrc": "adr",
    "gdr": "adr",
    "adrp": "preferred",
    "adrr": "right",
    "adrw": "warrant",
    "pfd": "preferred",
    "fund": "fund",
    "etf": "fund",
    "etn": "fund",
    "etv": "fund",
    "ets": "fund",
    "unit": "unit",
    "right": "right",
    "warrant": "warrant",
    "bond": "note",
    "sp": "note",
    "common": "common",
    "common stock": "common",
    "stock": "common",
    "adr": "adr",
    "spac": "spac",
    "preferred": "preferred",
    "preferred stock": "preferred",
    "note": "note",
    "test": "test",
    "closed-end fund": "fund",
    "mutual fund": "fund",
}

#: What a name says, first match wins. Written in the order of how much a word rules out: a "Preferred
#: Income Fund Common Shares" is a fund, its "Series A Preferred Shares" are not; an "Acquisition Corp.
#: Warrant" is a warrant before it is a blank-check company.
_NAME_SAYS = (
    ("when-issued", r"\bwhen[- ]?(?:issued|distributed)\b|\bex-distribution\b"),
    ("warrant", r"\bwarrants?\b|\bwts?\b|\(adw\)"),
    ("adr", r"\bamerican deposit[ao]ry\b"),
    # "Rights" belongs to companies' names too: only at the end, or as what is bought or received.
    ("right", r"\brights?$|\brights? (?:to (?:receive|purchase)|expiring|\(expir)|\bcontingent value right"),
    (
        "preferred",
        r"\bpfd\b|\bprf\b|\bpreference\b|\bpreferred (?:stock|shares?|units?|securities|series|limited|class)"
        r"|\bpreferred$|\bpreferred \(|(?:cumulative|perpetual|redeemable|convertible|non-cum\w*).*\bpreferred?\b"
        r"|interest in (?:a |an )?(?:share|sh)\b|\d% series [a-z]+\b|mandatory convertible|\d% corporate units?"
        r"|\bdep(?:ositary)? (?:shares?|shs?) (?:each |repr?e?s|rep|rpst|evid)[^(]*\b1/\d",
    ),
    (
        "note",
        r"\bnotes?\b.*\bdue\b|\b(?:senior|subordinated|junior) notes?\b|\bdebentures?\b|\d% notes?\b|\bbonds? due\b",
    ),
    ("note", r"\btr(?:ust)? certs?\b|\bcertificates\b|\bstrats\b|\bcorts\b|\bsynthetic fixed|\bcorporate[- ]backed"),
    (
        "unit",
        r"(?:corp|corp\.|corporation|inc|inc\.|ltd|ltd\.|limited|company|co|co\.|holdings?|spac|plc|[ivx]+|\d|,)"
        r" units?$|tangible equity units?|\bunits?,? each consisting|(?:acquisition|capital|spac) .*\bunits?$",
    ),
    ("fund", r"\betfs?\b|\betns?\b|\bfunds?\b|\bindex shares\b|\bishares\b|\bproshares\b|\bspdr\b|exchange traded"),
    (
        "adr",
        r"\badss?(?: |\(|$)|\badrs?(?: |\(|$)|\bglobal deposit[ao]ry\b|\b(?:new york|ny) registry shares\b"
        r"|\bdepositary receipts?\b|\bnew york shares\b",
    ),
    (
        "spac",
        r"\bacquisitions? (?:corp|company|co\b|inc|ltd|limited|holdings?|group|[ivx]+\b|\d)|\bspac\b|\bblank check",
    ),
    (
        "common",
        r"\bcommon (?:stock|shares?|units?)\b|\bcommon$|\bordinary shares?\b|\bcapital stock\b|\bvoting shares?\b"
        r"|\bclass [a-z]\b|\bshares of beneficial\b|\bunits of beneficial\b|\blimited partner"
        r"|\b(?:inc|corp|corporation|company|co|ltd|limited|plc|n\.?v|s\.?a|se|ag|l\.?p|llc|trust|group|holdings?)\b\.?"
        r"(?: \(\w+\))?(?: new| reit)?$",
    ),
)

#: What an industry's name says where the security's name does not, lower case.
_INDUSTRY_SAYS = (
    ("fund", r"exchange traded fund|closed-end fund"),
    ("spac", r"blank check|shell compan"),
)

#: Industries of funds in Nasdaq's listing, which files a fund under one of these, beside real managers.
_FUND_INDUSTRY = r"^trusts except|^investment managers|^finance/investors|^finance companies|^investment bankers"

#: Words that only a closed-end fund's name has, among the industries above.
_FUND_NAME = (
    r"\bmuni\w*\b|\bincome (?:trust|securities|opportunit)|\b(?:term|income|credit|equity|dividend|growth) trust\b"
    r"|\bopportunit\w* trust\b|\bbuy-write\b|\btotal return\b|\bhigh yield\b|\bstrategic (?:income|credit)\b"
    r"|\btax-(?:advantaged?|managed)\b|\bpremium income\b|\bdebt strategies\b|\bbond\b.*\btrust\b|\bglobal dividend\b"
)

#: Symbols of what is not there yet.
_WHEN_ISSUED = r"^[A-Z]{4}V$|-WI$|WI$|#$"

#: Symbols that exchanges keep for tests, whatever is said of them.
_TEST = r"^(?:Z[A-Z]ZZT|Z(?:TEST|TST|BZX|EXIT|IEXT|VV|XIET|VZZC)|[ACMNP]TEST(?:-[A-Z])?)$"

_INDICES = ("SPX", "NDX", "IXIC", "COMP", "DJI", "DJIA", "RUT", "RUI", "RUA", "SOX", "NYA", "VIX", "MID", "OEX")
_BENCHMARK_FUNDS = ("SPY", "QQQ", "IWM", "DIA", "VOO", "VTI", "IVV")

#: What the form of a symbol says, on the one spelling of ``spelling_key``. The fifth letter is Nasdaq's own
#: rule; L, Z, G, H, I and others stand for preferreds and notes alike and say nothing here.
_FORM_SAYS = (
    ("when-issued", r"-WI$|#$"),
    ("preferred", r"\^"),
    ("warrant", r"-WS(?:-?[A-Z])?$"),
    ("right", r"-R$"),
    ("unit", r"-U$"),
    ("common", r"-[A-Z]$"),
    ("warrant", r"^[A-Z]{4}W{1,2}$"),
    ("unit", r"^[A-Z]{4}U$"),
    ("right", r"^[A-Z]{4}R$"),
    ("preferred", r"^[A-Z]{4}[MNOP]$"),
    ("adr", r"^[A-Z]{4}Y$"),
    ("common", r"^[A-Z]{4}[ABK]$"),
    ("fund", r"^[A-Z]{4}X$"),
)


def is_index(symbol: pl.Series) -> pl.Series:
    """Whether each symbol is a market index, which has no volume and which nobody can buy."""
    return symbol.is_in(list(_INDICES)) | symbol.str.starts_with("^").fill_null(value=False)


def build_universe(listing: pl.DataFrame | None, symbols: Sequence[str]) -> pl.DataFrame:
    """One row for each of ``symbols``, in their order, with the columns ``COLUMNS``.

    listing : one row a symbol, at least the column ``symbol``; name, exchange, sector, industry, country,
        type (a vendor's code) and etf (Y or N) are used where present. Of two rows of one symbol the
        first counts. None when there is no listing.
    symbols : as the bars spell them.
    """
    wanted = pl.DataFrame({"symbol": pl.Series(symbols, dtype=pl.String)})
    wanted = wanted.with_columns(spelling_key(wanted["symbol"]).alias("key"))
    facts = (*COLUMNS[1:], "etf")
    if listing is None:
        rows = wanted.with_columns(pl.lit("").alias(name) for name in facts)
    else:
        known = listing.select(
            spelling_key(listing["symbol"]).alias("key"),
            *(
                pl.col(name).cast(pl.String).str.strip_chars() if name in listing.columns else pl.lit("").alias(name)
                for name in facts
            ),
        ).unique("key", keep="first", maintain_order=True)
        rows = wanted.join(known, on="key", how="left", maintain_order="left").with_columns(
            pl.col(facts).fill_null("")
        )
    # One pass after the other: an expression that is asked for twice would be computed twice.
    # Nasdaq's names say it long after: without its mark in the symbol the share is there.
    told = pl.col("name").str.to_lowercase()
    lowered = rows.with_columns(
        pl.when(pl.col("key").str.contains(_WHEN_ISSUED))
        .then(told)
        .otherwise(told.str.replace(r" *\b(?:when[- ]?(?:issued|distributed)|ex-distribution)\b", ""))
        .alias("lower name"),
        pl.col("industry").str.to_lowercase().alias("lower industry"),
    )
    witnesses = lowered.with_columns(
        _first(pl.col("lower name"), _NAME_SAYS).alias("by name"),
        _first(pl.col("key"), _FORM_SAYS).alias("by form"),
        _first(pl.col("lower industry"), _INDUSTRY_SAYS).alias("by industry"),
    )
    return witnesses.with_columns(_sector(), _type()).select(COLUMNS)


def industry_numbers(industries: pl.Series) -> Shorts:
    """A number for each industry, from 1 on in the order of their names, whatever their case; 0 for none known."""
    words = industries.fill_null("").str.strip_chars().str.to_lowercase()
    known = words.set(words == "", None)
    return known.rank("dense").fill_null(0).cast(pl.Int32).to_numpy()


def listing_numbers(listing: pl.DataFrame | None, symbols: Sequence[str] | pl.Series) -> pl.DataFrame:
    """What the listing says in numbers of each of ``symbols``, in their order: listed_market_cap (dollars, float64)
    and ipo_year (int64); null where it says nothing. Arguments as for ``build_universe``."""
    wanted = pl.DataFrame({"key": spelling_key(pl.Series(symbols, dtype=pl.String))})
    if listing is None or listing.is_empty():
        listing = pl.DataFrame(schema={"symbol": pl.String})
    given = {"listed_market_cap": ("market_cap", pl.Float64), "ipo_year": ("ipo_year", pl.Int64)}
    known = listing.select(
        spelling_key(listing["symbol"]).alias("key"),
        *(
            (pl.col(own) if own in listing.columns else pl.lit(None)).cast(dtype).alias(name)
            for name, (own, dtype) in given.items()
        ),
    ).unique("key", keep="first", maintain_order=True)
    return wanted.join(known, on="key", how="left", maintain_order="left").drop("key")


def _sector() -> pl.Expr:
    """The sector in our names; an unknown spelling as it was given."""
    given = pl.col("sector")
    return given.str.to_lowercase().replace_strict(_SECTOR_OF, default=given).alias("sector")


def _type() -> pl.Expr:
    """The type, from the strongest witness that says anything."""
    name, industry = pl.col("lower name"), pl.col("lower industry")
    code = pl.col("type").str.to_lowercase().replace_strict(_TYPE_OF, default="")
    by_name, by_form, by_industry = pl.col("by name"), pl.col("by form"), pl.col("by industry")
    # A bank's name may hold the word, as "Bank Nova Scotia Halifax Pfd 3 Ordinary Shares" does.
    plain_shares = name.str.contains(_ENDS_AS_SHARES) & ~name.str.contains(_OF_PREFERRED)
    by_name = pl.when((by_name == "preferred") & plain_shares).then(pl.lit("common")).otherwise(by_name)
    shares = by_name.is_in(["", "common"])
    bare = by_name.is_in(["", "common", "spac"]) & ~name.str.contains(_SHARES)
    return (
        pl.when((code == "test") | pl.col("key").str.contains(_TEST))
        .then(pl.lit("test"))
        .when(code != "")
        .then(code)
        # Benchmarks are seldom in a listing of shares, and nobody trades an index.
        .when((name == "") & (pl.col("symbol").is_in(_INDICES) | pl.col("symbol").str.starts_with("^")))
        .then(pl.lit("index"))
        .when((name == "") & pl.col("symbol").is_in(_BENCHMARK_FUNDS))
        .then(pl.lit("fund"))
        .when(pl.col("etf").str.to_uppercase() == "Y")
        .then(pl.lit("fund"))
        # A listing's name may be the company's alone: then the symbol knows better which security it is.
        .when(bare & by_form.is_in(["preferred", "warrant", "unit", "right"]))
        .then(by_form)
        .when(shares & industry.str.contains(_FUND_INDUSTRY) & name.str.contains(_FUND_NAME))
        .then(pl.lit("fund"))
        .when(shares & (by_industry != ""))
        .then(by_industry)
        .when(by_name != "")
        .then(by_name)
        .when(by_form != "")
        .then(by_form)
        .when(name != "")
        .then(pl.lit("common"))
        .otherwise(pl.lit("unknown"))
        .alias("type")
    )


#: A name that ends as that of plain shares, and one of preferreds all the same.
_ENDS_AS_SHARES = r"\b(?:ordinary|common) (?:shares?|stock|shs)$"
_OF_PREFERRED = (
    r"\bpreferred (?:stock|shares?|securities|income|and)\b|\bdep(?:ositary)?\b"
    r"|\b(?:each|representing|convertible|interest in)\b"
)

#: A name that says itself that the security is shares.
_SHARES = r"\bcommon|\bordinary|\bshares?\b|\bstock\b"


def _first(text: pl.Expr, says: Sequence[tuple[str, str]]) -> pl.Expr:
    """The word of the first pattern that ``text`` matches, "" when none does."""
    answer = pl.lit("")
    for word, pattern in reversed(says):
        answer = pl.when(text.str.contains(pattern)).then(pl.lit(word)).otherwise(answer)
    return answer


def sector_name(spelling: str) -> str | None:
    """The name in SECTORS for a vendor's spelling; None for one that no table knows."""
    known = {name.lower(): name for name in SECTORS} | _SECTOR_OF
    return known.get(spelling.strip().lower())
