"""CBOE's delayed quotes: the whole chain of a name in one document, without a key, for personal use.

The document says of no quote when it was made: its quotes go by the newest trade that it tells of, the underlying's
or a contract's. Times are New York's.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import ClassVar

import msgspec

from tapescan.core.errors import OptionError, VendorError
from tapescan.network.link import Link, Reply
from tapescan.vendors.chains import Value, as_list, chain_batches, chain_calls, check_quoted
from tapescan.vendors.seam import Ask, Batch, Call, KeyName, Plan, Problem, rows_of

__all__ = ["Cboe"]

_PATH = "/api/global/delayed_quotes/options/{name}.json"
#: So many names refused in a row say something of the vendor, not of them; this one has options.
_REFUSED = 8
_KNOWN = "SPY"


class _Contract(msgspec.Struct, gc=False):
    option: str | None = None
    bid: Value = None
    ask: Value = None
    bid_size: Value = None
    ask_size: Value = None
    open_interest: Value = None
    volume: Value = None
    last: Value = msgspec.field(default=None, name="last_trade_price")
    traded: str | None = msgspec.field(default=None, name="last_trade_time")


class _Chain(msgspec.Struct, gc=False):
    """options : needed, which tells the document from an error's; a single one may stand without its list."""

    options: list[_Contract] | _Contract | None
    price: Value = msgspec.field(default=None, name="current_price")
    traded: str | None = msgspec.field(default=None, name="last_trade_time")


class _Document(msgspec.Struct, gc=False):
    data: _Chain


_DOCUMENT = msgspec.json.Decoder(_Document)


class Cboe:
    """Chains by name, all expirations in one call."""

    name: ClassVar[str] = "cboe"
    title: ClassVar[str] = "CBOE delayed quotes"
    offers: ClassVar[tuple[str, ...]] = ("option chains",)
    preferred: ClassVar[Mapping[str, int]] = {"options": 3}
    needs_symbols: ClassVar[tuple[str, ...]] = ("options",)
    # No limit is published; five requests a second are polite.
    plans: ClassVar[tuple[Plan, ...]] = (
        Plan("free", requests=5, seconds=1.0, concurrency=4, terms="for personal, non-commercial use only"),
    )
    keys: ClassVar[tuple[KeyName, ...]] = ()
    hosts: ClassVar[Mapping[str, str]] = {"": "https://cdn.cboe.com"}
    notes: ClassVar[tuple[str, ...]] = (
        "quotes are some 15 minutes late and do not say of when they are: the newest trade beside them does",
        "chains by name: it needs a listing first; who has no options is found by asking",
    )

    def __init__(self) -> None:
        self._refused = 0

    def headers(self, keys: Mapping[str, str]) -> Mapping[str, str]:  # noqa: ARG002 (has no keys)
        return {}

    def judge(self, reply: Reply) -> VendorError | None:
        """A name without options is answered with 404, and with 403."""
        if reply.status in (403, 404):
            return VendorError(self.name, "unknown_symbol", f"{reply.path}: HTTP {reply.status}", "check the name")
        return None

    def calls(self, ask: Ask) -> Sequence[Call]:
        if ask.what != "options":
            raise OptionError(f"{self.name} has no {ask.what}", "it offers option chains")
        if ask.via:
            raise OptionError(f"{self.name} has no way {ask.via!r}", "it has one way only")
        if not ask.symbols:
            raise OptionError(f"{self.name} gives chains by name, and none is named", "sync the universe first")
        return chain_calls(ask)

    async def fetch(self, call: Call, link: Link) -> AsyncIterator[Batch]:
        """The chain of one name."""
        symbol = call.symbols[0]
        found = await self._document(symbol, link)
        if found is None:
            yield _nothing("unknown_symbol", "no options, or unknown to the vendor", call)
            return
        contracts = as_list(found.data.options)
        if not contracts:
            yield _nothing("empty", "a chain without contracts", call)
            return
        batches = chain_batches(call, _rows(symbol, found.data, contracts))
        check_quoted(call, link, batches)
        for batch in batches:
            yield batch

    async def _document(self, symbol: str, link: Link) -> _Document | None:
        """None for a name without options. A class of shares is asked for as its contracts' root, then as it is
        written, since the vendor's own spelling is not documented."""
        # An index has a mark before its name.
        plain = re.sub("[^A-Z0-9]", "", symbol)
        for name in (f"_{plain}",) if symbol.startswith("^") else dict.fromkeys((plain, symbol)):
            try:
                document: _Document = await link.get(_PATH.format(name=name), _DOCUMENT)
            except VendorError as error:
                if error.reason != "unknown_symbol":
                    raise
            else:
                self._refused = 0
                return document
        self._refused += 1
        if self._refused >= _REFUSED:
            await self._doubt(link)
        return None

    async def _doubt(self, link: Link) -> None:
        """Raises VendorError where a name is refused that has options: then it is not the names."""
        try:
            await link.get(_PATH.format(name=_KNOWN), _DOCUMENT)
        except VendorError as error:
            if error.reason != "unknown_symbol":
                raise
            what = f"{self._refused} names in a row are refused, and {_KNOWN} too"
            raise link.error("not_entitled", what, "sync again later", fatal=True) from None
        self._refused = 0


def _nothing(reason: str, detail: str, call: Call) -> Batch:
    return Batch("option_quotes", rows_of("option_quotes"), (Problem(reason, detail, call.symbols[0]),))


def _rows(symbol: str, chain: _Chain, contracts: Sequence[_Contract]) -> Iterator[dict[str, object]]:
    # Texts of one form: the latest is the greatest.
    newest = max((text for text in (chain.traded, *(one.traded for one in contracts)) if text), default=None)
    for one in contracts:
        yield {
            "symbol": symbol,
            "contract": one.option,
            "bid": one.bid,
            "ask": one.ask,
            "bid_size": one.bid_size,
            "ask_size": one.ask_size,
            "last": one.last,
            "volume": one.volume,
            "open_interest": one.open_interest,
            "traded": one.traded,
            "counted": one.traded,
            "quoted": newest,
            "underlying_price": chain.price,
            "priced": chain.traded,
        }


VENDOR = Cboe
