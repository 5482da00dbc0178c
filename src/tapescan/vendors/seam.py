"""The seam between vendors and the rest: what a vendor offers, which calls it takes, and what they bring.

A vendor is one file with one class that is a `Vendor`. It says what it offers and under which limits; turns a
wish (`Ask`) into calls (`Call`), without any network; and fetches one call through a `Link`, yielding `Batch`es
in the columns that `tapescan.tables` declares. It knows nothing of the store, of other vendors or of what was
fetched before.

    Ask ──calls()──▶ Call ──fetch(link)──▶ Batch, Batch, ...

A call is what is asked for, retried, committed and remembered as a whole, however many pages it takes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import polars as pl

from tapescan.core.errors import VendorError
from tapescan.network.link import Link, Reply
from tapescan.tables.definition import Span
from tapescan.tables.registry import find_table

__all__ = ["Ask", "Batch", "Call", "KeyName", "Plan", "Problem", "Span", "Vendor", "rows_of"]


@dataclass(frozen=True)
class Plan:
    """What a vendor sells under one name.

    requests, seconds : the published limit, so many requests in any so many seconds; 0 requests for no limit.
    concurrency : requests under way at once. years : history it reaches back to; None for all.
    lacks : offers that this plan does not include. note : what a person should know.
    terms : which use it allows, where that is not any; told with every sync.
    """

    name: str
    requests: int
    seconds: float = 60.0
    concurrency: int = 8
    years: float | None = None
    lacks: tuple[str, ...] = ()
    note: str = ""
    terms: str = ""

    def oldest(self, today: dt.date) -> dt.date | None:
        """The first day that it reaches back to; None for all."""
        return None if self.years is None else today - dt.timedelta(days=int(365.25 * self.years) - 1)


@dataclass(frozen=True)
class KeyName:
    """A key that a vendor needs.

    name : our variable, ``TAPESCAN_`` first. what : in words. others : variables by which the vendor's own tools call
    it. required : whether nothing works without it. secret : whether it must never be shown.
    """

    name: str
    what: str
    others: tuple[str, ...] = ()
    required: bool = True
    secret: bool = True


@dataclass(frozen=True)
class Ask:
    """What is wanted of a vendor.

    sessions : sessions whose bars are missing, ascending; of chains the newest one. since : actions with an ex-date
    from here on.
    until : the last day that is wanted (of bars and actions). symbols : in our spelling; empty for the whole
    market. companies : ten-digit CIKs. via : the way, where a vendor has several; empty for its first.
    now : the time, UTC.
    """

    what: str
    plan: Plan
    now: dt.datetime
    until: dt.date
    sessions: tuple[dt.date, ...] = ()
    since: dt.date | None = None
    symbols: tuple[str, ...] = ()
    companies: tuple[str, ...] = ()
    via: str = ""


@dataclass(frozen=True)
class Call:
    """One thing to fetch.

    key : names it for ever, within its vendor: the same key means the same answer is wanted. what : of the ask.
    requests : HTTP requests it takes, as far as that is known before. sessions, symbols, companies : what it covers.
    final_at : when the vendor's answer no longer changes; an answer fetched before is fetched once more after.
    lasts : how long an answer stays good; None for ever. args : what `fetch` needs besides.
    piecewise : each of its batches is complete in itself and may be stored before the call is done.
    span : of a kind that is asked by spans of dates; None where the call is for named symbols.
    before : when the store got an earlier answer to it, of which what did not change since need not come again; None
    where all is wanted.
    """

    key: str
    what: str
    requests: int = 1
    sessions: tuple[dt.date, ...] = ()
    symbols: tuple[str, ...] = ()
    companies: tuple[str, ...] = ()
    final_at: dt.datetime | None = None
    lasts: dt.timedelta | None = None
    args: Mapping[str, str] = field(default_factory=dict)
    piecewise: bool = False
    span: Span | None = None
    before: dt.datetime | None = None


@dataclass(frozen=True)
class Problem:
    """Something asked for that did not come, or could not be used, without making the whole call fail.

    reason : a word of `errors.VENDOR_REASONS`. symbol, session : what it concerns; empty or None where it does not.
    """

    reason: str
    detail: str = ""
    symbol: str = ""
    session: dt.date | None = None


@dataclass(frozen=True)
class Batch:
    """Rows of one table in the columns that vendors give of it, checked against what the vendor says it sent.

    table : of `tapescan.tables`. problems : what is missing from it, and why.
    """

    table: str
    rows: pl.DataFrame
    problems: tuple[Problem, ...] = ()

    def __post_init__(self) -> None:
        if self.rows.schema != pl.Schema(find_table(self.table).given):
            raise AssertionError(f"a batch of {self.table} has columns {dict(self.rows.schema)}")


class Vendor(Protocol):
    """A vendor.

    name : as in ``--source``; also the `source` of every row. offers : in the order of its strength. needs_symbols :
    what it brings for named symbols only, so that it must be told all of the market's; if that holds for actions,
    they come along with the bars.
    plans : the first is taken when none is named. hosts : part -> base address; "" is the main part. Each is
    replaced by ``TAPESCAN_<NAME>_URL`` or ``TAPESCAN_<NAME>_<PART>_URL`` where that is set.
    notes : its limits, said plainly, one line each.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    offers: ClassVar[tuple[str, ...]]
    preferred: ClassVar[Mapping[str, int]]
    needs_symbols: ClassVar[tuple[str, ...]]
    plans: ClassVar[tuple[Plan, ...]]
    keys: ClassVar[tuple[KeyName, ...]]
    hosts: ClassVar[Mapping[str, str]]
    notes: ClassVar[tuple[str, ...]]

    def headers(self, keys: Mapping[str, str]) -> Mapping[str, str]:
        """What is sent with every request; ``keys`` are those found of `keys`, by name."""
        ...

    def judge(self, reply: Reply) -> VendorError | None:
        """The vendor's own meaning of a reply: an error body under any status, a block; None for the usual one."""
        ...

    def calls(self, ask: Ask) -> Sequence[Call]:
        """The calls that an ask takes, in the order in which they are best made. No network, no clock but ask.now.

        Raises OptionError for what the vendor or the plan does not have.
        """
        ...

    def fetch(self, call: Call, link: Link) -> AsyncIterator[Batch]:
        """What the call brings. Raises VendorError, with its reason, when the answer is missing or wrong."""
        ...


def rows_of(table: str, columns: Mapping[str, object] | Sequence[object] = ()) -> pl.DataFrame:
    """A frame of a table in the columns that vendors give of it. columns : by name, or rows in the columns' order."""
    schema = find_table(table).given
    return pl.DataFrame(columns, schema=schema, orient=None if isinstance(columns, Mapping) else "row")
