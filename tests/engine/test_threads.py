"""The engine of threads: results in the order of the pieces, errors raised; and that plans can travel."""

from __future__ import annotations

import pickle
import time

import numpy as np
import pytest

from tapescan.engine.threads import Threads
from tapescan.features.plan import default_features, plan_features


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_the_order_of_the_pieces(workers: int) -> None:
    assert Threads(workers).map(len, ["aaa", "", "bb", "c"]) == [3, 0, 2, 1]


@pytest.mark.parametrize("workers", [1, 3])
def test_what_is_filled_lies_in_the_array_of_its_piece(workers: int) -> None:
    whole = np.zeros((3, 4))
    Threads(workers).fill(lambda piece, out: out.__setitem__(slice(None), piece), [1.0, 2.0, 3.0], list(whole))
    assert whole[:, 0].tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_one_piece_is_raised(workers: int) -> None:
    with pytest.raises(ZeroDivisionError):
        Threads(workers).map(lambda piece: 1 // piece, [1, 0, 2])


@pytest.mark.parametrize("way", ["map", "fill"])
def test_after_an_error_nothing_works_on(way: str) -> None:
    """The caller may take away what the pieces wrote to."""
    working = set()

    def work(piece: int, _out: object = None) -> None:
        if piece == 0:
            time.sleep(0.02)  # the other one has begun
            raise ZeroDivisionError
        working.add(piece)
        time.sleep(0.1)
        working.remove(piece)

    engine, pieces = Threads(2), range(5)
    with pytest.raises(ZeroDivisionError):
        engine.map(work, pieces) if way == "map" else engine.fill(work, pieces, [np.empty(0)] * 5)
    assert working == set()


def test_a_plan_travels_as_names_and_is_built_anew_where_it_arrives() -> None:
    plan = plan_features((*default_features(), "sma_37"))
    sent = pickle.dumps(plan)
    assert len(sent) < 10_000
    arrived = pickle.loads(sent)  # noqa: S301 (our own bytes)
    assert arrived == plan
