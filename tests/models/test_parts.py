"""Trees grown on parts of many rows: all rows are learnt from, and as much is found."""

from __future__ import annotations

import numpy as np
import pytest

from tapescan.core.typing import Floats
from tapescan.models.learners import xgboost
from tests.models.learner_bench import HORIZON, Bench


def correlation(found: Floats, bench: Bench) -> float:
    known = np.isfinite(found)
    return float(np.corrcoef(found[known], bench.samples.forward[HORIZON][bench.rows][known])[0, 1])


def test_parts_are_all_rows_once() -> None:
    rows = np.arange(1_000_000)
    parts = xgboost._dealt(len(rows), 7)
    assert len(parts) == xgboost.PARTS
    assert np.array_equal(np.sort(np.concatenate(parts)), rows)
    assert all(abs(len(part) - len(rows) / len(parts)) < 0.01 * len(rows) for part in parts)
    assert len(xgboost._dealt(2 * xgboost.PART, 7)) == 2
    assert len(xgboost._dealt(xgboost.PART, 7)) == 1


def test_as_much_is_found_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench.of("xgboost")
    whole = correlation(bench.forecasts, bench)
    monkeypatch.setattr(xgboost, "PART", 1_000)
    fitted, again = bench.fit(), bench.fit()
    assert fitted.save() == again.save() != bench.fitted.save()
    found = fitted.forecast(bench.values, bench.samples.session[bench.rows])
    assert correlation(found, bench) > 0.95 * whole > 0.3
    # One tree a round, in whatever part it grew.
    assert len(fitted.trees.begins) == len(bench.fitted.trees.begins)  # type: ignore[attr-defined]


def test_each_part_is_grown_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one of them another model comes of it."""
    bench = Bench.of("xgboost")
    monkeypatch.setattr(xgboost, "PART", 1_000)
    saved = [bench.fit().save()]
    dealt = xgboost._dealt
    for part in range(xgboost.PARTS):
        monkeypatch.setattr(
            xgboost,
            "_dealt",
            lambda count, seed, part=part: [dealt(count, seed)[at if at != part else part - 1] for at in range(3)],
        )
        saved.append(bench.fit().save())
    assert len(set(saved)) == len(saved)
