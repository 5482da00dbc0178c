"""A whole replay: the picks of every session, what came of them, and what that is worth.

source -> past -> walk: a cross-section a session -> rank -> picks -> returns, trades -> statistics -> verdict
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from tapescan.core.dates import date_of
from tapescan.core.errors import OptionError
from tapescan.core.progress import Progress, silent
from tapescan.core.settings import Device
from tapescan.core.typing import Days, Floats, Ints
from tapescan.engine.chosen import chosen
from tapescan.engine.seam import Engine
from tapescan.features.digest import machine_digest
from tapescan.market.index import MARKET_SYMBOL
from tapescan.models.judging.judgement import overlap
from tapescan.models.registry.trials import Trial
from tapescan.replay.accounts import Account, Orders, run_account
from tapescan.replay.ahead import bars_ahead
from tapescan.replay.apart import pick_apart
from tapescan.replay.caveats import facts_of, notes_of
from tapescan.replay.cohorts import Cohorts, annual_return, find_capacity, run_cohorts
from tapescan.replay.curves import net_over_eligible, trace_accounts
from tapescan.replay.job import written_of
from tapescan.replay.keeping import kept_past
from tapescan.replay.past import Past
from tapescan.replay.picking import PICKING, Picked
from tapescan.replay.result import AccountRecord, ReplayResult, TradeRecord, Verified
from tapescan.replay.returns import HORIZONS
from tapescan.replay.source import Source, no_session, sessions_between
from tapescan.replay.statistics import measure_replay
from tapescan.replay.terms import Terms
from tapescan.replay.trades import Ahead, Rules, Trades, run_holds, run_plans
from tapescan.replay.trials import Tried, log_screens, screen_trial
from tapescan.replay.verdict import judge_replay
from tapescan.replay.walk import Walk
from tapescan.replay.worth import measure_worth
from tapescan.scan.pipeline import run
from tapescan.scan.request import Request

__all__ = ["Terms", "replay_requests", "replay_source", "trial_of"]

#: Account sizes of the capacity curve, dollars.
ACCOUNTS = (1e5, 1e6, 1e7, 1e8, 1e9)

#: Sessions that are looked at beyond the holding: a halt may hold a trade back.
LATE = 10

#: How far what a GPU computes may lie from what a scan does, relative and absolute.
TOLERANCE = 1e-9

#: The days that are verified are drawn with it.
SEED = 14


def replay_source(
    source: Source, request: Request, terms: Terms, title: str, progress: Progress = silent
) -> ReplayResult:
    """Replay what is asked over a source's past. Raises OptionError for what cannot be replayed, and for what picks
    nothing on any session."""
    return replay_requests(source, {title: request}, terms, progress)[0]


def replay_requests(
    source: Source,
    requests: Mapping[str, Request],
    terms: Terms,
    progress: Progress = silent,
    *,
    together: bool = False,
    engine: Engine | None = None,
    device: Device = "cpu",
) -> list[ReplayResult]:
    """As `replay_source`, of several requests by their titles, in one pass.

    together : whether each is judged as one of all of them, whatever the order; else of those before it. engine :
    where sessions are replayed; that of the settings for None. device : what computes features; its values differ
    from the processor's in their last digits.
    """
    _check(source, terms)
    where = engine or chosen(machine_digest)
    if device == "cuda" and where.apart:
        what = "device cuda: a GPU computes on this machine, and sessions are replayed on others"
        raise OptionError(what, "take the engine threads, or the device cpu")
    past = kept_past(source.history, progress)
    sessions = sessions_between(past.sessions, terms.start, terms.end, terms.every)
    horizons = tuple(sorted({*HORIZONS, terms.hold}))
    first, *others = requests.values()
    # Whoever verifies compares all columns of a scan.
    walk = Walk(source, past, first, horizons, tuple(others), None if terms.verify else PICKING, device)
    _check_index(walk, sessions)
    _check_options(walk, sessions)
    verified = _drawn(sessions, terms.verify)
    trials = [trial_of(one, terms) for one in requests.values()]
    written = written_of(walk, sessions, trials, terms, verified)
    found = pick_apart(
        where,
        walk,
        sessions,
        terms.top,
        terms.hold,
        terms.every,
        keep=terms.keep,
        shown=verified,
        written=written,
        progress=progress,
    )
    if all(one.picks.is_empty() for one in found):
        if found[0].stopped:  # there is nothing to show yet
            raise KeyboardInterrupt
        written.end()
        raise _nothing(first, found[0])
    # Before anything is said of it: who has seen a result has tried.
    tried = log_screens(source.store, trials, together=together)
    results = [
        _result(source, walk, request, picked, terms, title, one, progress)
        for (title, request), picked, one in zip(requests.items(), found, tried, strict=True)
    ]
    if not found[0].stopped:
        written.end()
    return results


def trial_of(request: Request, terms: Terms) -> Trial:
    """What is written down of a replay before it is judged."""
    return screen_trial(
        request,
        hold=terms.hold,
        every=terms.every,
        top=terms.top,
        keep=terms.keep,
        plan={"stop and target": True} if terms.plan else None,
        start=terms.start,
        end=terms.end,
    )


def _result(
    source: Source,
    walk: Walk,
    request: Request,
    picked: Picked,
    terms: Terms,
    title: str,
    tried: Tried,
    progress: Progress,
) -> ReplayResult:
    past = walk.past
    rules = Rules(terms.hold, terms.cost, terms.borrow)
    ahead, trades = _traded(source, past, picked, terms, rules)
    statistics = measure_replay(
        picked.returns,
        hold=terms.hold,
        every=terms.every,
        cost=terms.cost,
        short=picked.short,
        trials=max(tried.screens, 1),
        regime=picked.regime,
        picks=picked.single,
    )
    facts = facts_of(source, walk, request, picked, trades, terms, (tried.note,) if tried.note else ())
    number = np.searchsorted(past.sessions, picked.sessions)[picked.number] if len(picked.number) else picked.number
    begin = int(np.searchsorted(past.sessions, picked.sessions[0]))
    count = len(past.sessions) - begin
    cohorts = run_cohorts(number - begin, ahead, trades, rules, count, every=terms.every)
    account = _account(request, picked, ahead, trades, rules, number - begin, count)
    volume = request.profile.risk.max_volume
    capacity = find_capacity(
        number - begin, ahead, trades, rules, count, picked.traded, volume, ACCOUNTS, every=terms.every
    )
    held: dict[str, Any] = {"hold": terms.hold, "every": terms.every, "cost": terms.cost, "short": picked.short}
    return ReplayResult(
        title=title,
        first=date_of(int(picked.sessions[0])),
        last=date_of(int(picked.sessions[-1])),
        verdict=judge_replay(statistics, facts),
        statistics=statistics,
        trades=_trade_record(picked, trades, terms),
        account=_account_record(account, request.profile.risk.account),
        capacity={f"{one:.0f}": float(value) for one, value in zip(capacity.account, capacity.annual, strict=True)},
        picks=_with_outcomes(picked, trades),
        daily=_daily(past, picked, cohorts, account, begin, net_over_eligible(picked.returns, **held)),
        curves=trace_accounts(picked.returns, past.sessions, **held),
        notes=notes_of(walk, picked),
        provenance=_provenance(source, request, terms, tried.screens, walk.device),
        partial=picked.stopped,
        verified=_verify(walk, request, picked, terms.top, progress) if terms.verify else None,
    )


def _check(source: Source, terms: Terms) -> None:
    first, last = source.history.first, source.history.end
    if terms.start is not None and terms.start > last:
        raise no_session(terms.start, terms.end, first, last)


def _check_index(walk: Walk, sessions: Days) -> None:
    """Raises OptionError where scans of a session would measure by two indices, as one reads more than the other."""
    spans = {one.span for one in walk.requests}
    if len(spans) > 1 and len({walk.measured_by_own(sessions, one).tobytes() for one in spans}) > 1:
        raise OptionError(
            f"{MARKET_SYMBOL} has too few bars to be the market index of all that is compared",
            "replay them one by one",
            field="compare",
        )


def _check_options(walk: Walk, sessions: Days) -> None:
    """Raises OptionError where what decides hangs on options that nobody told of at its beginning."""
    if not walk.option_names:
        return
    first, begin = walk.source.options(walk.option_names).first, date_of(int(sessions[0]))
    if first is None:
        raise OptionError("no option data in what is replayed", "`tapescan import` of option quotes brings some")
    if first > begin:
        what = f"option data begins on {first}, after the first session replayed, {begin}"
        raise OptionError(what, f"replay from {first} on", field="start")


def _nothing(request: Request, picked: Picked) -> OptionError:
    some = f"{len(picked.sessions):,} session{'s' * (len(picked.sessions) > 1)}"
    if request.where is None and not request.screens:
        what = f"nobody satisfies the filters of profile {request.profile.name} on any of {some}"
        return OptionError(what, "`tapescan scan` says why each symbol is not ranked", field="profile")
    field = "where" if request.where is not None else "screen"
    what = f"nobody satisfies it on any of {some}"
    return OptionError(what, "try it with `tapescan scan`", field=field)


def _traded(source: Source, past: Past, picked: Picked, terms: Terms, rules: Rules) -> tuple[Ahead, Trades]:
    picks = picked.picks
    close, entry, stop, target = (
        picks[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in ("close", "entry", "stop", "target")
    )
    session = picks["session"].to_physical().to_numpy()
    ahead = bars_ahead(past, picked.place, session, close, terms.hold + LATE, source.dividends, source.splits)
    long = (picks["side"] == "long").to_numpy()
    if terms.plan:
        return ahead, run_plans(ahead, long, entry, stop, target, rules)
    return ahead, run_holds(ahead, long, rules)


def _drawn(sessions: Days, count: int) -> set[int]:
    drawn = np.random.default_rng(SEED).choice(sessions, min(count, len(sessions)), replace=False)
    return {int(day) for day in drawn}


def _verify(walk: Walk, request: Request, picked: Picked, top: int, progress: Progress) -> Verified:
    """Scan the drawn sessions anew, and compare all columns of the rows picked: their bytes, or what a GPU computed
    within a tolerance."""
    same = _nearly if walk.device == "cuda" else pl.DataFrame.equals
    days, differing = sorted(picked.shown), []
    for done, day in enumerate(days):
        progress(done, len(days), "scanning anew")
        market = walk.source.market(date_of(day), request.span)
        if not same(run(market, request).best(top), picked.shown[day]):
            differing.append(date_of(day))
    return Verified(tuple(date_of(day) for day in days), tuple(differing))


def _nearly(one: pl.DataFrame, other: pl.DataFrame) -> bool:
    from polars.testing import assert_frame_equal  # of no use to others

    try:
        assert_frame_equal(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    except AssertionError:
        return False
    return True


# --- records --------------------------------------------------------------------------------------------------


def _trade_record(picked: Picked, trades: Trades, terms: Terms) -> TradeRecord:
    together = overlap(terms.hold, terms.every)
    many = max(int(trades.traded.sum()), 1)

    def by_session(values: Floats) -> Floats:
        known = np.isfinite(values)
        total = np.bincount(picked.number[known], values[known], len(picked.sessions))
        count = np.bincount(picked.number[known], minlength=len(picked.sessions))
        found: Floats = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
        return found

    best = by_session(np.where(trades.traded, trades.net_best / trades.planned, np.nan))
    return TradeRecord(
        orders=len(trades),
        fills=trades.fill.counts(),
        exits={name: count for name, count in trades.reason.counts().items() if name},
        net=measure_worth(by_session(trades.net), together),
        r=measure_worth(by_session(trades.r_planned), together),
        r_best=float(np.nanmean(best)) if np.isfinite(best).any() else float("nan"),
        positive=float((trades.net > 0.0).sum() / many),
        ambiguous=float(trades.ambiguous.sum() / many),
        gaps=float(trades.gap.sum() / many),
    )


def _account(
    request: Request,
    picked: Picked,
    ahead: Ahead,
    trades: Trades,
    rules: Rules,
    number: Ints,
    count: int,
) -> Account:
    picks = picked.picks
    entry, stop = (picks[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in ("close", "stop"))
    orders = Orders(
        session=number,
        symbol=picked.place,
        rank=picks["rank"].cast(pl.Int64).to_numpy(),
        entry=entry,
        stop=stop,
        dollar_volume=picked.traded,
        scale=picked.scale,
    )
    return run_account(orders, ahead, trades, rules, request.profile.risk, count)


def _account_record(account: Account, dollars: float) -> AccountRecord:
    equity = np.concatenate([[dollars], account.equity])
    peak = np.maximum.accumulate(equity)
    skipped = account.skipped.counts()
    return AccountRecord(
        dollars=dollars,
        annual=annual_return(equity[1:] / equity[:-1] - 1.0),
        drawdown=float((equity / peak - 1.0).min()),
        taken=skipped.pop("", 0),
        skipped=skipped,
    )


def _with_outcomes(picked: Picked, trades: Trades) -> pl.DataFrame:
    return picked.picks.with_columns(
        pl.Series("fill", trades.fill.values.tolist(), pl.String),
        pl.Series("exit_reason", trades.reason.values.tolist(), pl.String),
        pl.Series("fill_price", trades.entry, nan_to_null=True),
        pl.Series("exit_price", trades.exit, nan_to_null=True),
        pl.Series("held", np.where(trades.column >= 0, trades.column + 1.0, np.nan), nan_to_null=True).cast(pl.Int64),
        pl.Series("gross", trades.gross, nan_to_null=True),
        pl.Series("net", trades.net, nan_to_null=True),
        pl.Series("r", trades.r_planned, nan_to_null=True),
        pl.Series("forward", picked.single.forward, nan_to_null=True),
    )


def _daily(past: Past, picked: Picked, cohorts: Cohorts, account: Account, begin: int, ahead: Floats) -> pl.DataFrame:
    sessions = past.sessions[begin:]
    at = np.searchsorted(sessions, picked.sessions)

    def placed(values: Floats) -> pl.Series:
        out = np.full(len(sessions), np.nan)
        out[at] = values
        return pl.Series(out, nan_to_null=True)

    returns = picked.returns
    return pl.DataFrame(
        {
            "session": pl.Series(sessions).cast(pl.Date),
            "eligible": placed(returns.eligible.astype(np.float64)).cast(pl.Int64),
            "ranked": placed(picked.ranked.astype(np.float64)).cast(pl.Int64),
            "picked": placed(returns.picked.astype(np.float64)).cast(pl.Int64),
            "gross": cohorts.gross,
            "net": cohorts.net,
            "exposure": cohorts.exposure,
            "turnover": cohorts.turnover,
            "equity": account.equity,
            "eligible_1": placed(returns.eligible_mean[1]),
            "index_1": placed(returns.index[1]),
            "picks_1": placed(returns.picks[1]),
            "net_over_eligible": placed(ahead),
        }
    )


def _provenance(source: Source, request: Request, terms: Terms, trials: int, device: Device) -> dict[str, object]:
    return {
        "data": source.provenance,
        "profile": {"name": request.profile.name, "digest": request.profile.digest},
        "screens": [{"name": one.named.name, "digest": one.named.digest} for one in request.screens],
        "screen": request.where.text if request.where else None,
        "rank_by": request.ranking.text,
        "top": terms.top,
        "hold": terms.hold,
        "plan": terms.plan,
        "cost": terms.cost,
        "every": terms.every,
        "keep": terms.keep,
        "trials": trials,
        "device": device,
    }
