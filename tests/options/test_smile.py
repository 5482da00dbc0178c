"""Smiles: a cubic comes back, a wrong quote pulls little, what is too little makes a simpler one."""

from __future__ import annotations

import numpy as np
import pytest

from tapescan.core.typing import Floats
from tapescan.options.american import Terms, settle
from tapescan.options.dividends import no_dividends
from tapescan.options.smile import Smiles, fit_smiles, read_smiles

FORWARD, TIME, AT_MONEY = 100.0, 0.25, 0.3
SCALE = AT_MONEY * np.sqrt(TIME)


def cubic(z: Floats) -> Floats:
    return AT_MONEY - 0.03 * z + 0.02 * z**2 - 0.002 * z**3


def fitted(z: Floats, vols: Floats, errors: Floats | float = 0.005) -> tuple[Smiles, Terms]:
    """Of one slice of contracts out of the money at these z."""
    slices = settle(
        np.array([FORWARD]),
        np.zeros(1, np.int64),
        np.array([TIME]),
        np.zeros(1),
        no_dividends(1),
    )
    terms = Terms(FORWARD * np.exp(z * SCALE), np.where(z >= 0, 1.0, -1.0), np.zeros(len(z), np.int64))
    smiles = Smiles(np.empty((1, 4)), np.empty(1), np.empty(1), np.empty(1))
    known = np.broadcast_to(errors, len(z)).astype(np.float64)
    fit_smiles(np.array([0, len(z)]), terms, vols, known, np.array([FORWARD]), slices, smiles)
    return smiles, terms


def read(smiles: Smiles, z: Floats) -> tuple[Floats, Floats]:
    vols, beyond = np.empty(len(z)), np.empty(len(z))
    strikes = FORWARD * np.exp(z * SCALE)
    read_smiles(np.zeros(len(z), np.int64), strikes, np.array([FORWARD]), smiles, vols, beyond)
    return vols, beyond


def test_a_cubic_comes_back_and_is_flat_beyond_its_points() -> None:
    z = np.linspace(-2.0, 1.6, 19)
    smiles, _ = fitted(z, cubic(z))
    vols, beyond = read(smiles, np.array([-3.0, -2.0, -0.5, 0.7, 1.6, 2.6]))
    assert vols == pytest.approx(cubic(np.array([-2.0, -2.0, -0.5, 0.7, 1.6, 1.6])), rel=1e-9)
    assert beyond == pytest.approx([1.0, 0.0, 0.0, 0.0, 0.0, 1.0], abs=1e-9)


def test_one_wrong_quote_of_many_pulls_little() -> None:
    z = np.linspace(-2.0, 1.6, 19)
    vols = cubic(z)
    vols[5] += 0.4
    found, _ = read(fitted(z, vols)[0], z)
    assert np.abs(found - cubic(z)).max() < 0.01


def test_what_is_known_badly_counts_little() -> None:
    z = np.linspace(-2.0, 1.6, 19)
    errors, vols = np.full(19, 0.001), cubic(z)
    errors[9:12], vols[9:12] = 0.2, vols[9:12] + 0.1
    found, _ = read(fitted(z, vols, errors)[0], z)
    # That nearest the money sets the scale of z, so it is one that is known well.
    assert np.abs(found - cubic(z))[:9].max() < 0.01


@pytest.mark.parametrize(("points", "degree"), [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (7, 2), (8, 3)])
def test_few_points_make_a_simple_smile(points: int, degree: int) -> None:
    z = np.linspace(-1.0, 1.0, points) if points > 1 else np.zeros(1)
    smiles, _ = fitted(z, cubic(z))
    assert np.isfinite(smiles.coefficients).all()
    assert (smiles.coefficients[0, degree + 1 :] == 0.0).all()
    assert (smiles.coefficients[0, : degree + 1] != 0.0).all()


def test_without_a_point_there_is_no_smile() -> None:
    z = np.linspace(-1.0, 1.0, 5)
    smiles, _ = fitted(z, np.full(5, np.nan))
    assert np.isnan(read(smiles, z)[0]).all()


def test_one_strike_alone_cannot_say_a_slope() -> None:
    smiles, _ = fitted(np.full(9, 0.5), np.full(9, 0.3))
    assert smiles.coefficients[0] == pytest.approx([0.3, 0.0, 0.0, 0.0])
