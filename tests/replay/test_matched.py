"""Random picks like the picks: near them, never them, each alike often, and the same again from the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare

from tapescan.core.typing import Bools, Floats, Ints
from tapescan.replay.matched import FEWEST, NEAREST, draw_matched

KNOWN = [[66, 523, 689, 659, 11], [403, 549, 857, 600, 734], [462, 239, 752, 555, 280]]


class Session:
    """One session's symbols."""

    def __init__(self, symbols: int = 900, sectors: int = 5, seed: int = 1) -> None:
        generator = np.random.default_rng(seed)
        self.eligible: Bools = generator.random(symbols) < 0.7
        self.volatility: Floats = generator.lognormal(size=symbols)
        self.size: Floats = generator.lognormal(15.0, 2.0, size=symbols)
        self.sector: Ints = generator.integers(0, sectors, symbols)
        self.picked: Ints = generator.choice(np.flatnonzero(self.eligible), 10, replace=False)

    def draw(self, draws: int = 100, seed: int = 20_000) -> Ints:
        return draw_matched(self.picked, self.eligible, self.volatility, self.size, self.sector, draws, seed)

    def nearest(self, pick: int) -> set[int]:
        """Written anew, the slow way: its own sector's others by distance of ranks."""
        places = [int(place) for place in np.flatnonzero(self.eligible)]
        ranks = [
            {place: rank for rank, place in enumerate(sorted(places, key=lambda place: values[place]))}
            for values in (self.volatility, self.size)
        ]
        others = [place for place in places if place not in self.picked]
        own = [place for place in others if self.sector[place] == self.sector[pick]]

        def far(place: int) -> tuple[int, int]:
            return sum((rank[place] - rank[pick]) ** 2 for rank in ranks), place

        return set(sorted(own if len(own) >= FEWEST else others, key=far)[:NEAREST])


@pytest.mark.parametrize("sectors", [5, 40])
def test_each_pick_is_replaced_by_one_of_the_nearest(sectors: int) -> None:
    session = Session(sectors=sectors)
    drawn = session.draw(400)
    for number, pick in enumerate(session.picked):
        near = session.nearest(int(pick))
        assert set(drawn[:, number].tolist()) <= near
        # Who stands among the nearest of several picks may be taken, so not quite all are seen alike often.
        assert len(set(drawn[:, number].tolist())) >= NEAREST - 2


def test_all_of_the_nearest_are_drawn_alike_often() -> None:
    session = Session()
    session.picked = session.picked[:1]
    _, counts = np.unique(session.draw(10_000), return_counts=True)
    assert len(counts) == NEAREST
    assert chisquare(counts).pvalue > 0.01


def test_a_player_holds_nobody_twice_and_no_pick() -> None:
    session = Session()
    # All of one corner: their nearest are the same ones.
    rows = np.flatnonzero(session.eligible & (session.sector == 0))
    session.picked = rows[np.argsort(session.volatility[rows])[:20]]
    drawn = session.draw()
    assert not np.isin(drawn, session.picked).any()
    assert session.eligible[drawn].all()
    assert all(len(set(player)) == len(player) for player in drawn.tolist())


def test_the_same_seed_draws_the_same_and_players_differ() -> None:
    session = Session()
    assert (session.draw() == session.draw()).all()
    assert (session.draw(seed=1) != session.draw(seed=2)).any()
    assert len(np.unique(session.draw(), axis=0)) == 100
    # What is not eligible changes nothing.
    before = session.draw()
    session.volatility[~session.eligible] = np.nan
    assert (session.draw() == before).all()


def test_known_draws() -> None:
    """The bytes that this seed gives: another machine or version must give them too."""
    assert Session().draw(3)[:, :5].tolist() == KNOWN


def test_unknown_values_lie_in_the_middle() -> None:
    session = Session(sectors=1)
    pick = int(session.picked[0])
    session.picked = session.picked[:1]
    session.volatility[pick] = session.size[pick] = np.nan
    drawn = np.unique(session.draw())
    rows = np.flatnonzero(session.eligible)
    for values in (session.volatility, session.size):
        known = values[rows][np.isfinite(values[rows])]
        share = np.searchsorted(np.sort(known), values[drawn]) / len(known)
        assert np.abs(share - 0.5).max() < 0.2


@pytest.mark.parametrize("symbols", [1, 2, 5, 30])
def test_few_others(symbols: int) -> None:
    session = Session(60)
    session.eligible = np.arange(60) < symbols
    session.picked = np.arange(min(symbols, 10))
    drawn = session.draw()
    assert session.eligible[drawn].all()
    same = drawn == session.picked
    # Oneself only where nobody else is.
    assert same.all() if symbols == 1 else not same.any()


def test_no_picks_draw_nothing() -> None:
    session = Session()
    session.picked = session.picked[:0]
    assert session.draw().shape == (100, 0)


def test_a_pick_that_could_not_be_picked_is_a_defect() -> None:
    session = Session()
    session.picked = np.flatnonzero(~session.eligible)[:1]
    with pytest.raises(AssertionError, match="not eligible"):
        session.draw()
