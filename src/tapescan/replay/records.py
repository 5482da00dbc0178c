"""The record of a profile or screen: what a replay found, in a few numbers that stand beside its name from then.

A record is of a subject: the profile, the screens, the condition and the order, by their content. One that was
changed since has none. A store's own records come before the shipped ones, which `benchmarks/records.py` makes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import msgspec

from tapescan.core.errors import StoreError
from tapescan.core.results import Result
from tapescan.replay.words import percent
from tapescan.store import Store

if TYPE_CHECKING:  # a scan that shows a record waits for no replay
    from tapescan.replay.result import ReplayResult
    from tapescan.scan.named import NamedScreen
    from tapescan.scan.profile import Profile

__all__ = [
    "Record",
    "find_record",
    "keep_record",
    "named_record",
    "record_of",
    "reference_page",
    "shipped_records",
    "subject_of",
    "with_plans",
]

#: Where the shipped ones lie.
FILE = "records.json"


class Record(Result, msgspec.Struct, frozen=True, kw_only=True):
    """What a replay found.

    subject : digest of what was replayed. title : of it. market : of which, in words; empty for the store's own.
    first, last : sessions. top, hold, plan, cost, every, keep : as of `replay.Terms`.
    sessions : replayed; with_picks : of which anything was picked on; picks : in all.
    net, eligible, index : compounded a year, shares of one, the picks' after costs. lead : mean a year after costs
    over all eligible, not compounded; t, p : of that, corrected for overlap (`worth.Worth`). as_good : how often
    matched random picks do as well before costs. drawdown : of the picks after costs, 0 to -1. bought : mean share
    that is replaced each time.
    r, r_t : of its trades by their plans, each session counting alike: net multiples of the planned risk. target,
    stop, orders : shares of those trades that reached it, and how many trades. NaN and 0 where plans were not run.
    kind : of the verdict. sentence : it.
    """

    subject: str
    title: str
    market: str
    first: str
    last: str
    top: int
    hold: int
    plan: bool
    cost: float
    every: int = 1
    keep: int = 0
    sessions: int
    with_picks: int
    picks: int
    net: float = math.nan
    eligible: float = math.nan
    index: float = math.nan
    lead: float = math.nan
    t: float = math.nan
    p: float = math.nan
    as_good: float = math.nan
    drawdown: float = math.nan
    bought: float = math.nan
    r: float = math.nan
    r_t: float = math.nan
    target: float = math.nan
    stop: float = math.nan
    trades: int
    kind: str
    sentence: str

    def text(self) -> str:
        """As JSON, without what is unknown."""
        known = {name: one for name, one in self.to_dict().items() if one is not None}
        return msgspec.json.format(msgspec.json.encode(known), indent=1).decode()

    def titled(self, title: str) -> str:
        """The title of what it is of, which says where that has not beaten what it picks from."""
        if self.kind == "unknown" or math.isnan(self.lead):
            return title
        if self.lead < 0.0:
            return f"{title} (has lagged what it picks from)"
        return title if self.t >= 2.0 else f"{title} (has not beaten what it picks from beyond chance)"

    def line(self) -> str:
        """As one line for a reader."""
        where = self.market or "this store"
        if self.kind == "unknown" or math.isnan(self.lead):
            return f"too few picks to judge ({self.picks:,} on {self.with_picks:,} sessions; {where})"
        way = "led" if self.lead >= 0.0 else "lagged"
        chance = "" if math.isnan(self.t) else f", t {self.t:+.1f}"
        stay = f", kept while among {self.keep}" if self.keep else ""
        return (
            f"its best {self.top}, held {self.hold} sessions{stay}, {way} all they were picked from by "
            f"{percent(abs(self.lead))} a year after costs{chance} ({where}, {self.first} to {self.last})"
        )

    def plans(self) -> str:
        """What came of its plans, as one line; nothing where they were not run."""
        if not self.trades or math.isnan(self.r):
            return ""
        return (
            f"its plans: {self.target:.0%} reached the target, {self.stop:.0%} the stop in {self.trades:,} trades; "
            f"{self.r:+.3f} of the risk each after costs"
        )


def subject_of(provenance: Mapping[str, Any]) -> str:
    """The digest of what was scanned or replayed, of either's provenance."""
    what = {
        "profile": provenance["profile"]["digest"],
        "screens": sorted(one["digest"] for one in provenance.get("screens", ())),
        "screen": provenance.get("screen"),
        "rank_by": provenance.get("rank_by"),
        "columns": provenance.get("columns"),
    }
    return hashlib.sha256(msgspec.json.encode(what, order="sorted")).hexdigest()[:16]


def record_of(result: ReplayResult, market: str = "") -> Record:
    """market : in words, for a record that is to be shown elsewhere."""
    found, trades = result.statistics, result.trades
    held, growth, plan = found.held, found.growth, bool(result.provenance["plan"])
    entered = trades.fills.get("filled", 0)
    return Record(
        subject=subject_of(result.provenance),
        title=result.title,
        market=market,
        first=str(result.first),
        last=str(result.last),
        top=int(result.provenance["top"]),
        hold=found.hold,
        plan=plan,
        cost=found.cost,
        every=found.every,
        keep=int(result.provenance["keep"]),
        sessions=found.sessions,
        with_picks=found.with_picks,
        picks=found.picked,
        net=growth["net"].annual,
        eligible=growth["eligible"].annual,
        index=growth["index"].annual,
        lead=found.lead,
        t=held.net_over_eligible.t,
        p=held.net_over_eligible.p,
        as_good=held.as_good,
        drawdown=growth["net"].drawdown,
        bought=held.replaced,
        r=trades.r.mean if plan else math.nan,
        r_t=trades.r.t if plan else math.nan,
        target=trades.exits.get("target", 0) / entered if plan and entered else math.nan,
        stop=trades.exits.get("stop", 0) / entered if plan and entered else math.nan,
        trades=entered if plan else 0,
        kind=result.verdict.kind,
        sentence=result.verdict.sentence,
    )


def with_plans(record: Record, by_plan: Record) -> Record:
    """With what came of the same picks by their plans."""
    some = {name: getattr(by_plan, name) for name in ("r", "r_t", "target", "stop", "trades")}
    return msgspec.structs.replace(record, **some)


def keep_record(store: Store, record: Record) -> str:
    """Write it down in the store that was replayed; why that could not be done, a line, or nothing."""
    try:
        store.record_replay(record.subject, record.text())
    except StoreError as error:
        return f"the record of this replay was not kept: {error}"
    return ""


@lru_cache(maxsize=1)
def shipped_records() -> Mapping[str, Record]:
    """By subject."""
    file = resources.files("tapescan.replay") / FILE
    found = msgspec.json.decode(file.read_bytes(), type=list[Record]) if file.is_file() else []
    return {one.subject: one for one in found}


def find_record(
    provenance: Mapping[str, Any], store: Store | None = None, *, of_plans: bool = False
) -> Record | None:
    """The record of what was scanned: the longest of the store, else the shipped one; None for neither. of_plans :
    of those that ran its plans."""
    subject = subject_of(provenance)
    shipped = shipped_records().get(subject)
    own, others = ([] if store is None else _own(store, subject)), ([] if shipped is None else [shipped])
    if of_plans:
        own, others = ([one for one in some if one.plans()] for some in (own, others))
    # The longest, and of equals the newest: a look at one spring is no record.
    return max(reversed(own or others), key=lambda one: one.sessions, default=None)


def _own(store: Store, subject: str) -> list[Record]:
    rows = store.replays()
    documents: Iterable[str] = rows.filter(rows["subject"] == subject)["document"]
    return [msgspec.json.decode(text, type=Record) for text in documents]


def named_record(profile: Profile, screen: NamedScreen | None = None) -> Record | None:
    """The shipped record of a profile, or of a screen that is ranked by it, with its own order."""
    from tapescan.scan.request import prepare  # who shows a scan's record has prepared it already

    request = prepare(profile, screens=() if screen is None else (screen,))
    screens = [] if screen is None else [{"digest": screen.digest}]
    provenance = {"profile": {"digest": profile.digest}, "screens": screens, "rank_by": request.ranking.text}
    return shipped_records().get(subject_of(provenance))


def reference_page() -> str:
    """The page of the shipped records."""
    found = list(shipped_records().values())
    lines = [
        "# Records",
        "<!-- Generated by `python docs/generate.py` from what `benchmarks/records.py` wrote. -->",
        "What each shipped profile and screen would have picked, and what came of it: "
        "[replayed](../guides/replay.md) as they are, without a look ahead.\nNone of it is a promise, and most of it "
        "is no reason to trade.",
    ]
    if not found:
        return "\n\n".join([*lines, "There are no records yet.", ""])
    one = found[0]
    lines.append(
        f"{one.market}, {one.first} to {one.last}: the best {one.top} of {_each(one.every)} in a scan's order, "
        f"held for `held` sessions from the next open, {one.cost:g} bp a side; what a profile holds stays while it "
        f"ranks among its `portfolio.keep`. The listing is today's, most failed companies are missing, and returns "
        f"are without dividends: all of that flatters. `lead` is the mean a year after costs over all that could be "
        f"picked on the same sessions, `t` that of it, corrected for overlap; `chance` how often random picks of the "
        f"same volatility, size and sector do as well before costs. `target`, `stop` and `R`: of the same picks "
        f"traded by their plans, how many reached either, and what each brought after costs in multiples of its risk."
    )
    head = (
        "| what | held | picks | days | net a year | all a year | lead | t | chance | drawdown | replaced "
        "| target | stop | R |"
    )
    rows = [head, f"|---|{'--:|' * 13}"]
    for record in sorted(found, key=lambda each: (not each.title.startswith("profile "), each.title)):
        cells = (
            record.title,
            str(record.hold),
            f"{record.picks:,}",
            f"{record.with_picks:,}",
            _percent(record.net),
            _percent(record.eligible),
            _percent(record.lead),
            "-" if math.isnan(record.t) else f"{record.t:+.1f}",
            "-" if math.isnan(record.as_good) else f"{record.as_good:.2f}",
            _percent(record.drawdown),
            "-" if math.isnan(record.bought) else f"{record.bought:.0%}",
            "-" if math.isnan(record.target) else f"{record.target:.0%}",
            "-" if math.isnan(record.stop) else f"{record.stop:.0%}",
            "-" if math.isnan(record.r) else f"{record.r:+.3f}",
        )
        rows.append(f"| {' | '.join(cells)} |")
    t = sorted((record.t for record in found if not math.isnan(record.t)), reverse=True)
    # Not at the top: a scan that shows a record waits for no statistics.
    from tapescan.models.judging.significance import expected_maximum

    lines += [
        "\n".join(rows),
        f"Of {len(t)} that can be judged, {sum(one > 2.0 for one in t)} lead with a t above 2, the best with "
        f"{t[0]:.1f}. The best of {len(t)} worthless ones has about {expected_maximum(len(t)):.1f}.",
    ]
    return "\n\n".join([*lines, ""])


def _each(every: int) -> str:
    return "every session" if every == 1 else f"each {every} sessions"


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{value * 100:+.1f} %"
