"""Each factor's, and each profile's score's, rank correlation with what came after, over all sessions of a store.

python benchmarks/factors.py STORE [--profile NAME ...] [--from DATE] [--to DATE]

Among those whom the first profile's filters let pass, of each session; means over sessions, with t corrected for
overlap.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from tapescan.columns.factors import FACTORS, value_column
from tapescan.core.dates import parse_date
from tapescan.core.errors import TapescanError
from tapescan.core.labels import Labels
from tapescan.core.progress import silent
from tapescan.core.typing import Floats
from tapescan.features.cross import percentile
from tapescan.features.warm import warm_up
from tapescan.models.forecast import Models
from tapescan.models.judging.significance import mean_and_error
from tapescan.replay.past import past_of
from tapescan.replay.source import sessions_between, source_of
from tapescan.replay.walk import Walk
from tapescan.scan.pipeline import rank
from tapescan.scan.profile import load_profile
from tapescan.scan.request import prepare
from tapescan.store import Store

HORIZONS = (5, 21)


def correlation(one: Floats, other: Floats) -> float:
    """Spearman's, of those that both know; an unknown factor counts with the middle, as in the score."""
    known = ~np.isnan(other)
    a, b = (percentile(values[known]) - 0.5 for values in (one, other))
    a = np.nan_to_num(a)
    size = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / size) if size > 0.0 else np.nan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store")
    parser.add_argument("--profile", action="append", default=[])
    parser.add_argument("--from", dest="start")
    parser.add_argument("--to", dest="end")
    asked = parser.parse_args()
    profiles = asked.profile or ["swing"]
    start, end = parse_date(asked.start, "start"), parse_date(asked.end, "end")
    source = source_of(Store(asked.store), None)
    past = past_of(source.history)
    first, *others = (prepare(load_profile(name), models=Models(())) for name in profiles)
    for request in (first, *others):
        warm_up(request.plan, silent, replayed=True)
    walk = Walk(source, past, first, HORIZONS, tuple(others))
    found: dict[str, list[list[float]]] = {}
    counts = []
    for seen in walk.sections(sessions_between(past.sessions, start, end, 1)):
        ranked = [rank(section, one) for section, one in zip(seen.sections, walk.requests, strict=True)]
        columns = ranked[0].assembled.columns
        dropped = columns["dropped"]
        assert isinstance(dropped, Labels)
        eligible = dropped.among(("",))[: len(seen.section.symbols)]
        if eligible.sum() < 50:
            continue
        counts.append(int(eligible.sum()))
        values = {one.name: columns[value_column(one.name)] for one in FACTORS if value_column(one.name) in columns}
        values |= {
            f"score of {name}": one.assembled.columns["score"] for name, one in zip(profiles, ranked, strict=True)
        }
        for name, own in values.items():
            mine = np.asarray(own)[eligible]
            if not np.isnan(mine).all():
                row = [correlation(mine, forward[eligible]) for forward in seen.forward]
                found.setdefault(name, []).append(row)
    sys.stdout.write(f"{len(counts):,} sessions, {np.mean(counts):,.0f} eligible on average\n")
    for name, rows in found.items():
        parts = []
        for horizon, series in zip(HORIZONS, np.array(rows).T, strict=True):
            known = mean_and_error(series, horizon)
            mean, t = known.mean, known.t
            parts.append(f"{horizon} sessions {mean:+.3f} t {t:+.1f}")
        sys.stdout.write(f"{name:40} {'   '.join(parts)}\n")


if __name__ == "__main__":
    try:
        main()
    except TapescanError as error:
        sys.exit(str(error))
