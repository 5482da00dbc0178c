"""Option quotes: what each contract was quoted at in a session, as a chain's file or a vendor has it."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from tapescan.core.errors import FileError
from tapescan.market.clock import NEW_YORK
from tapescan.market.occ import is_occ, parse, plain_root
from tapescan.market.quality import NOT_A_SESSION
from tapescan.tables.definition import Checked, Field, File, Rules, Table
from tapescan.tables.kinds import OPTIONS
from tapescan.tables.moments import is_closed, moments_of
from tapescan.tables.names import DATE, QUOTED, UNDERLYING, UNDERLYING_PRICE

__all__ = ["TABLE"]

_FLOAT, _DATE, _TEXT = pl.Float64(), pl.Date(), pl.String()
_MOMENT = pl.Datetime("us", "UTC")
#: What a contract is beside its underlying; an OCC symbol says all of it.
_PARTS = ("expiration", "strike", "side")
#: Numbers that stand in columns of their own for calls and for puts, where a row is a strike.
_TWICE = ("bid", "ask", "bid_size", "ask_size", "last", "volume", "open_interest")
_SIDES = {"call": "call", "calls": "call", "c": "call", "put": "put", "puts": "put", "p": "put"}
#: More is no count of contracts and no price of a share.
_COUNT, _PRICE = (0.0, 1e10), (1e-6, 1e7)


def _told(found: Collection[str]) -> bool:
    quoted = {"bid", "ask"} <= set(found) or {"call_bid", "put_bid"} <= set(found)
    return quoted and ("contract" in found or "open_interest" in found or {"strike", "expiration"} <= set(found))


def _prepare(rows: pl.DataFrame, file: File) -> pl.DataFrame:
    """A row a contract, with all of its parts."""
    if {"call_bid", "put_bid"} <= set(rows.columns) and "bid" not in rows.columns:
        rows = _unfolded(rows)
        if {"volume", "session"} <= set(rows.columns):  # of the day's end
            rows = rows.with_columns(traded=pl.when(pl.col("volume") > 0.0).then("session"))
    if "contract" not in rows.columns and not set(_PARTS) <= set(rows.columns) and is_occ(rows["symbol"]).any():
        rows = rows.with_columns(contract="symbol", symbol=pl.lit(None, pl.String))
    rows = _named(rows) if "contract" in rows.columns else rows
    missing = [name for name in ("symbol", *_PARTS, "bid", "ask") if name not in rows.columns]
    if missing:
        raise FileError(
            f"{file.shown}: no column for {', '.join(missing)}",
            "option quotes need symbol, expiration, strike, side, or the contract's OCC symbol; bid and ask",
        )
    side, own = pl.col("side").cast(pl.String), plain_root(pl.col("symbol"))
    root = pl.coalesce(pl.col("root").str.to_uppercase(), own) if "root" in rows.columns else own
    # What was kept as a float of four bytes is a price in ten-thousandths of a dollar.
    rows = rows.with_columns(
        pl.col("strike").round(3),
        pl.col("bid", "ask").fill_nan(None).round(4),
        side=side.replace_strict(_SIDES, default=side.str.to_lowercase().replace_strict(_SIDES, default=None)),
        root=root,
    )
    more = [name for name in ("last", "underlying_price") if name in rows.columns]
    rows = rows.with_columns(pl.col(more).fill_nan(None).round(4)) if more else rows
    if "quoted" in rows.columns:
        rows = rows.with_columns(quoted=moments_of(rows["quoted"]))
        if "session" not in rows.columns:
            zoned = pl.col("quoted").dt.convert_time_zone(NEW_YORK.key)
            rows = rows.with_columns(session=zoned.dt.date())
    return rows.drop(*_EXTRAS, strict=False)


def _unfolded(rows: pl.DataFrame) -> pl.DataFrame:
    """Calls and puts of a strike, which stand side by side, below each other."""
    own = [name for name in rows.columns if not name.startswith(("call_", "put_"))]
    return pl.concat(
        rows.select(
            *own,
            *(
                pl.col(f"{side}_{name}").cast(pl.Float64, strict=False).alias(name)
                for name in _TWICE
                if f"{side}_{name}" in rows.columns
            ),
            side=pl.lit(side),
        )
        for side in ("call", "put")
    )


def _named(rows: pl.DataFrame) -> pl.DataFrame:
    """With the parts that the contract's own symbol says, which is right where a column says something else."""
    found = parse(rows["contract"])
    said = {
        "root": found["root"],
        "expiration": found["expiry"],
        "strike": found["strike"],
        "side": found.select(
            pl.when("put").then(pl.lit("put")).when(~pl.col("put")).then(pl.lit("call"))
        ).to_series(),
        "why": found["malformed"],
    }
    rows = rows.with_columns(**{f"said_{name}": values for name, values in said.items()})
    either = {
        name: pl.coalesce(f"said_{name}", name) if name in rows.columns else pl.col(f"said_{name}")
        for name in ("root", *_PARTS)
    }
    rows = rows.with_columns(**either, symbol=pl.coalesce("symbol", "said_root"))
    # A contract of some other spelling does no harm where columns say what it is.
    whole = pl.all_horizontal(pl.col(name).is_not_null() for name in _PARTS)
    rows = rows.with_columns(malformed=pl.when(whole).then(None).otherwise("said_why"))
    return rows.drop(f"said_{name}" for name in said)


def _check(table: Table, rows: pl.DataFrame, rules: Rules) -> Checked:
    """Refuses what cannot be; a crossed quote, or one without a bid, can, and says something."""
    malformed = pl.col("malformed") if "malformed" in rows.columns else pl.lit(None, pl.String)
    day, keyed = pl.col("session"), [name for name in table.key if name != "side"]
    price = pl.col("bid", "ask")
    reason = pl.coalesce(
        malformed,
        pl.when(pl.any_horizontal(pl.col(name).is_null() for name in keyed)).then(pl.lit("missing value")),
        pl.when(pl.col("side").is_null()).then(pl.lit("neither call nor put")),
        pl.when(is_closed(day, rules)).then(pl.lit(NOT_A_SESSION)),
        pl.when(pl.col("expiration") < day).then(pl.lit("expired before its session")),
        pl.when(~((pl.col("strike") > 0.0) & pl.col("strike").is_finite())).then(pl.lit("no strike above zero")),
        pl.when(pl.any_horizontal((price < 0.0) | price.is_infinite())).then(pl.lit("no price")),
    )
    rows = rows.with_columns(reason=reason)
    refused = rows.filter(pl.col("reason").is_not_null())
    good = rows.filter(pl.col("reason").is_null()).drop("reason") if len(refused) else rows.drop("reason")
    once = good.unique(table.key, keep=rules.keep, maintain_order=True)
    twice = len(good) - len(once)
    said = f"{twice:,} option quotes are of contracts that stand there once more: of each the {rules.keep} one counts"
    return Checked(once, refused, (said,) if twice else ())


_NAMES = {
    "bid": ("bid", "bidprice", "bidpx", "bestbid"),
    "ask": ("ask", "askprice", "askpx", "bestask", "offer", "bestoffer"),
    "bid_size": ("bidsize", "bidsz", "bestbidsize"),
    "ask_size": ("asksize", "asksz", "bestasksize"),
    "last": ("last", "lastprice", "lastsale", "lasttradeprice", "lasttradedprice"),
    # No "vol": files of options mean volatility by it.
    "volume": ("volume", "volu", "dayvolume", "tradevolume"),
    "open_interest": ("openinterest", "oi", "openint"),
}
_EXTRAS = {
    "contract": (
        *("contractsymbol", "occ", "occsymbol", "osisymbol", "optionsymbol", "option", "optionticker", "optionroot"),
        *("contract", "contractid", "contractname", "optionid", "symbol", "ticker"),
    ),
    **{
        f"{side}_{name}": tuple(f"{begin}{one}" for one in _NAMES[name] for begin in (side[0], side))
        for side in ("call", "put")
        for name in _TWICE
    },
}

TABLE = Table(
    name="option_quotes",
    title="quotes of option contracts",
    fields={
        "symbol": Field(
            _TEXT,
            "the underlying, in the spelling of `market.spelling`",
            UNDERLYING,
            needed=True,
        ),
        "session": Field(
            _DATE, "date in New York; else a file's name has it", ("asof", "asofdate", *DATE), needed=True
        ),
        "expiration": Field(
            _DATE,
            "the last day",
            (
                *(
                    "expiration",
                    "expirationdate",
                    "expiry",
                    "expirydate",
                    "expiredate",
                    "expires",
                    "expdate",
                    "expirdate",
                ),
                *("exdate", "maturity", "maturitydate"),
            ),
            needed=True,
        ),
        "root": Field(
            _TEXT,
            "of its OCC symbol: another one than the underlying's where it was adjusted",
            ("root", "rootsymbol"),
        ),
        "strike": Field(_FLOAT, "$ a share", ("strike", "strikeprice", "exerciseprice"), needed=True),
        "side": Field(
            _TEXT,
            "call or put",
            (
                *("side", "optiontype", "putcall", "callput", "putorcall", "callorput", "cp", "pc", "cpflag"),
                *("right", "contracttype", "type", "kind"),
            ),
            needed=True,
        ),
        "bid": Field(
            _FLOAT, "$ a share; 0 where nobody bids, null where that is not said", _NAMES["bid"], needed=True
        ),
        "ask": Field(_FLOAT, "$ a share", _NAMES["ask"], needed=True),
        "bid_size": Field(_FLOAT, "contracts", _NAMES["bid_size"], plausible=_COUNT),
        "ask_size": Field(_FLOAT, "contracts", _NAMES["ask_size"], plausible=_COUNT),
        "last": Field(
            _FLOAT, "$ a share, of the last trade, whenever that was", _NAMES["last"], plausible=(0.0, 1e7)
        ),
        "volume": Field(
            _FLOAT,
            "contracts, of the day `traded`; of some day where that is not said",
            _NAMES["volume"],
            plausible=_COUNT,
        ),
        "traded": Field(
            _DATE, "the day of the last trade", ("lasttradedate", "lasttradetime", "lasttradedat", "lasttraded")
        ),
        "open_interest": Field(_FLOAT, "contracts", _NAMES["open_interest"], plausible=_COUNT),
        "underlying_price": Field(
            _FLOAT,
            "$ a share, when the contract was quoted",
            UNDERLYING_PRICE,
            plausible=_PRICE,
        ),
        "quoted": Field(
            _MOMENT,
            "when it was quoted",
            QUOTED,
        ),
        "source": Field(_TEXT, "the vendor or the file", given=False, compared=False),
    },
    key=("symbol", "session", "expiration", "root", "strike", "side"),
    kept="sessions",
    order=60,
    known="session",
    kind=OPTIONS,
    offers=("option chains",),
    shown=("expiration", "strike", "side"),
    in_files=True,
    told=_told,
    extras=_EXTRAS,
    instead={"symbol": ("contract",), "session": (), **dict.fromkeys((*_PARTS, "bid", "ask"), ())},
    prepare=_prepare,
    check=_check,
)
