"""What ranges are worth on a store: pinball loss and coverage of the cone beside the volatility rule, and how often
plans' levels were touched against the chances that were said.

python -m benchmarks.cone STORE [--to DATE] [--every 10] [--profile swing] [--part 0.67]
python -m benchmarks.cone STORE [--to DATE] --shipped

The chances are those of a cone of the first part of the sessions, and of the shipped rule, of every share that the
profile lets pass on every so many of the later sessions; what came is what the time machine's trades came to. The
error of a tenth is that of its dates' mean differences, corrected for trades that overlap. `--shipped` makes the
quantiles that ship with the package (`models.cone.cone.SHIPPED_QUANTILES`).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from tapescan.core.dates import date_of, parse_date
from tapescan.core.errors import TapescanError
from tapescan.core.labels import Labels
from tapescan.core.progress import silent
from tapescan.core.typing import Array, Floats
from tapescan.features.warm import warm_up
from tapescan.models.cone.card import ConeCard, save_cone
from tapescan.models.cone.serving import StoredCone
from tapescan.models.cone.train import train_cone
from tapescan.models.forecast import Models
from tapescan.models.judging.significance import mean_and_error
from tapescan.models.registry.names import CONE_FILE
from tapescan.replay.ahead import bars_ahead
from tapescan.replay.past import past_of
from tapescan.replay.source import Source, sessions_between, source_of
from tapescan.replay.trades import Rules, run_plans
from tapescan.replay.walk import Walk
from tapescan.scan.pipeline import rank
from tapescan.scan.profile import load_profile
from tapescan.scan.request import Request, prepare
from tapescan.store import Store

CHANCES = ("prob_stop", "prob_target")
PLAN = ("close", "entry", "stop", "target")
#: Sessions beyond those that are held, in which whoever halts may leave.
LATE = 5


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def say_record(card: ConeCard) -> None:
    for one in card.records:
        say(one.reason)
        say(f"  {one.rows:,} returns; cone {one.coverage:.1%}, rule {one.rule_coverage:.1%} covered")
        for fold in one.folds:
            inside = f"covered {fold.coverage:.1%}, by the rule {fold.rule_coverage:.1%}"
            say(f"  {fold.first} to {fold.last}: loss {-fold.gain:+.2%} of the rule's, {inside}")
        groups = {"year": one.by_year, "volatility": one.by_volatility, "liquidity": one.by_liquidity}
        for name, shares in {**groups, "season": one.by_season}.items():
            say(f"  by {name}: {', '.join(f'{part} {share:.1%}' for part, share in shares.items())}")
        say(f"  5, 50, 95 % of dates: {', '.join(f'{share:.1%}' for share in one.by_date)}")


def walked(source: Source, request: Request, every: int, start: Any, end: Any) -> dict[str, Array]:
    """Of every plan that could be made: when, what was said, and what it came to (0 time, 1 stop, 2 target)."""
    past = past_of(source.history)
    warm_up(request.plan, silent, replayed=True)
    walk = Walk(source, past, request, ())
    rows: dict[str, list[Array]] = {}
    for seen in walk.sections(sessions_between(past.sessions, start, end, every)):
        found = rank(seen.section, request).assembled
        dropped = found.columns["dropped"]
        assert isinstance(dropped, Labels)
        symbols = len(seen.section.symbols)
        frame = found.head(len(found.order), [*PLAN, *CHANCES, "side", "dropped"])
        at = found.order
        kept = ((frame["dropped"] == "") & frame["stop"].is_not_null()).to_numpy() & (at < symbols)
        some = frame.filter(kept)
        new = {name: some[name].cast(float).fill_null(np.nan).to_numpy() for name in (*PLAN, *CHANCES)}
        new |= {"place": seen.places[at[kept]], "long": (some["side"] == "long").to_numpy()}
        new["session"] = np.full(len(some), seen.section.newest.max(), np.int32)
        for name, values in new.items():
            rows.setdefault(name, []).append(values)
    out = {name: np.concatenate(values) for name, values in rows.items()}
    hold = request.profile.risk.hold
    ahead = bars_ahead(past, out["place"], out["session"], out["close"], hold + LATE, source.dividends, source.splits)
    trades = run_plans(ahead, out["long"], out["entry"], out["stop"], out["target"], Rules(hold))
    came = np.where(trades.reason.among(("stop",)), 1.0, np.where(trades.reason.among(("target",)), 2.0, 0.0))
    came[trades.fill.among(("beyond_stop",))] = 1.0
    came[trades.fill.among(("beyond_target",))] = 2.0
    known = trades.left | trades.fill.among(("beyond_stop", "beyond_target"))
    return {name: values[known] for name, values in (out | {"came": came}).items()}


def say_tenths(rows: dict[str, Array], name: str, code: float, overlap: int) -> None:
    said, hit = np.asarray(rows[name], np.float64), (rows["came"] == code).astype(np.float64)
    known = np.isfinite(said)
    session = rows["session"]
    edges = np.quantile(said[known], np.linspace(0.1, 0.9, 9))
    tenth = np.searchsorted(edges, said)
    say(f"  {name}: said {said[known].mean():.1%}, came {hit[known].mean():.1%} of {int(known.sum()):,}")
    for one in range(10):
        mine = known & (tenth == one)
        away = hit[mine] - said[mine]
        days, which = np.unique(session[mine], return_inverse=True)
        means: Floats = np.bincount(which, away) / np.bincount(which)
        error = mean_and_error(means, overlap).error
        line = f"    {one + 1:2}  said {said[mine].mean():6.1%}  came {hit[mine].mean():6.1%}"
        say(f"{line}  {away.mean():+6.1%} +- {error:.1%} ({len(days)} dates)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store")
    parser.add_argument("--to")
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--profile", default="swing")
    parser.add_argument("--part", type=float, default=0.67)
    parser.add_argument("--shipped", action="store_true")
    asked = parser.parse_args()
    store, end = Store(asked.store), parse_date(asked.to, "to")
    with tempfile.TemporaryDirectory() as folder:
        begin, cpu = time.perf_counter(), time.process_time()
        card = train_cone(store, end=end, folder=folder)
        say(f"trained in {time.perf_counter() - begin:.1f} s, {time.process_time() - cpu:.1f} s of CPU")
        if asked.shipped:
            say(f"{card.symbols:,} shares, {card.first} to {card.last}, {card.rows:,} rows")
            for rule in card.rules:
                say(f"    {rule.horizon}: ({', '.join(f'{one:.3f}' for one in rule.quantiles)}),")
            return
        say_record(card)
        source = source_of(store, end)
        sessions = past_of(source.history).sessions
        until = date_of(int(sessions[int(asked.part * len(sessions))]))
        early = train_cone(store, end=until, folder=folder)
        # What the laws say, also where the gate lets the rule serve.
        counted = tuple(msgspec.structs.replace(one, counts=True) for one in early.records)
        save_cone(Path(folder), msgspec.structs.replace(early, records=counted, seal=""))
        profile = load_profile(asked.profile)
        cone = StoredCone(Path(folder) / CONE_FILE, store.identity, own=False)
        say(f"\nplans of {asked.profile} after {until}, held {profile.risk.hold} sessions")
        for title, models in (("rule", Models(())), ("cone", Models((), cone=cone))):
            request = prepare(profile, features=CHANCES, models=models)
            rows = walked(source, request, asked.every, until, end)
            say(f"{title}: {len(rows['came']):,} plans")
            for code, name in enumerate(CHANCES, start=1):
                say_tenths(rows, name, float(code), -(-profile.risk.hold // asked.every))


if __name__ == "__main__":
    try:
        main()
    except TapescanError as error:
        sys.exit(str(error))
