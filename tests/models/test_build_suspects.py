"""Training leaves suspect bars out: what reads one is no sample, and what is bought or sold on one has no label."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

import tapescan
from tapescan.features.plan import plan_features
from tapescan.market.eligibility import TRADED
from tapescan.models.samples.build import build_samples
from tapescan.models.samples.samples import Samples
from tests.conftest import random_bars
from tests.models.stores import LOOSE, store_of

FEATURES = ("ret_5", "ret_21")
SYMBOL, AT, HORIZON = "S001", 200, 5


def bars() -> pl.DataFrame:
    return random_bars(symbols=40, sessions=420, seed=2)


def faulty() -> tuple[pl.DataFrame, list[int]]:
    """A wrong close, and the symbol's sessions as numbers."""
    clean = bars()
    own = clean.filter(symbol=SYMBOL)["session"].sort()
    here = (pl.col("symbol") == SYMBOL) & (pl.col("session") == own[AT])
    close = pl.when(here).then(pl.col("close") * 30.0).otherwise("close")
    made = clean.with_columns(close=close, high=pl.max_horizontal("high", close))
    return made, own.to_physical().to_list()


def built(source: pl.DataFrame, chunk: int = 1000) -> Samples:
    return build_samples(source, every=1, horizons=HORIZON, filters=LOOSE, features=FEATURES, chunk=chunk)  # type: ignore[arg-type]


def own_rows(samples: Samples) -> dict[int, float]:
    """Session -> label of the symbol's samples."""
    here = samples.symbol == samples.symbols.index(SYMBOL)
    return dict(zip(samples.session[here].tolist(), samples.forward[HORIZON][here].tolist(), strict=True))


def test_what_reads_a_suspect_bar_is_no_sample_and_what_is_traded_on_it_has_no_label() -> None:
    made, sessions = faulty()
    clean, found = own_rows(built(bars())), own_rows(built(made))
    rows = plan_features((*FEATURES, TRADED)).rows
    assert rows == 22
    assert set(clean) - set(found) == set(sessions[AT : AT + rows])
    changed = {day for day in found if not np.array_equal(found[day], clean[day], equal_nan=True)}
    # Bought on the session after, sold at the latest five after that.
    assert changed == set(sessions[AT - HORIZON - 1 : AT])
    assert all(np.isnan(found[day]) for day in changed)


def test_chunks_judge_alike() -> None:
    made, _ = faulty()
    whole, cut = built(made), built(made, chunk=7)
    np.testing.assert_array_equal(cut.values, whole.values)
    np.testing.assert_array_equal(cut.forward[HORIZON], whole.forward[HORIZON])


def test_an_accepted_bar_is_learnt_from(tmp_path: Path) -> None:
    made, sessions = faulty()
    store = store_of(tmp_path / "store", {"bars": made})
    asked = {"every": 1, "horizons": HORIZON, "filters": LOOSE, "features": FEATURES}
    assert sessions[AT] not in own_rows(build_samples(store, **asked))  # type: ignore[arg-type]
    day = made.filter(symbol=SYMBOL)["session"].sort()[AT]
    tapescan.accept_bars([(SYMBOL, day)], store)
    assert sessions[AT] in own_rows(build_samples(store, **asked))  # type: ignore[arg-type]
