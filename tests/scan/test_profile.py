"""Profiles: the shipped ones, users' own, and broken ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tapescan.columns.factors import FACTORS
from tapescan.core.errors import ProfileError
from tapescan.market.regime import Regime
from tapescan.scan.profile import Weights, load_profile, profile_names
from tapescan.scan.score import weight_shares

CALM = Regime("up", "calm", 0.1, "SPY")


def test_ten_profiles_are_shipped_and_valid() -> None:
    assert set(profile_names()) == {"fundamental"} | {
        f"{horizon}{manner}"
        for horizon in ("short_swing", "swing", "position")
        for manner in ("", "_conservative", "_aggressive")
    }
    for name in profile_names():
        assert sum(weight_shares(load_profile(name), CALM).values()) == pytest.approx(1.0)


def test_a_regime_shifts_the_weights() -> None:
    calm = weight_shares(load_profile("swing"), CALM)
    down = weight_shares(load_profile("swing"), Regime("down", "stressed", 0.5, "SPY"))
    assert down["momentum"] < calm["momentum"]
    assert down["reversal"] > calm["reversal"]
    assert sum(down.values()) == pytest.approx(1.0)


def test_what_a_factor_leaves_goes_to_the_others_in_proportion() -> None:
    whole = weight_shares(load_profile("fundamental"), CALM)
    found = weight_shares(load_profile("fundamental"), CALM, without=["value", "growth"])
    assert found.keys() == whole.keys() - {"value", "growth"}
    assert sum(found.values()) == pytest.approx(1.0)
    assert found["quality"] / found["momentum"] == pytest.approx(whole["quality"] / whole["momentum"])
    assert weight_shares(load_profile("fundamental"), CALM, without=whole) == whole


def test_each_factor_is_a_weight_and_may_be_named_for_a_regime(tmp_path: Path) -> None:
    assert list(Weights().factors()) == [factor.name for factor in FACTORS]
    assert Weights().alpha == 20.0
    for factor in FACTORS:
        path = tmp_path / f"{factor.name}.toml"
        regime = f"[regime.weights]\ndown = {{ {factor.name} = 2 }}\n"
        path.write_text(f'title = "x"\n[weights]\n{factor.name} = 3\n{regime}')
        found = load_profile(str(path))
        assert found.weights.factors()[factor.name] == 3.0
        assert sum(found.weights.factors().values()) == 3.0
        assert weight_shares(found, CALM) == {factor.name: 1.0}


def test_the_profile_of_the_docs_is_one(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "reference" / "profiles.md").read_text(encoding="utf-8")
    path = tmp_path / "of_docs.toml"
    path.write_text(text.split("```toml\n")[1].split("```")[0])
    assert load_profile(str(path)).weights == load_profile("swing").weights


@pytest.mark.parametrize("name", ["swing", "short_swing"])
def test_short_horizons_weigh_no_statements(name: str) -> None:
    for manner in ("", "_conservative", "_aggressive"):
        assert not {"value", "quality", "growth"} & weight_shares(load_profile(name + manner), CALM).keys()


def test_own_profiles_by_path_and_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('title = "Mine"\nside = "both"\n[weights]\nmomentum = 1\n')
    assert load_profile(str(path)).name == "mine"
    monkeypatch.setenv("TAPESCAN_PROFILES", str(tmp_path))
    assert load_profile("mine").side == "both"
    assert "mine" in profile_names()


def test_a_digest_names_the_content_not_the_spelling(tmp_path: Path) -> None:
    one, two, three = (tmp_path / f"{n}.toml" for n in "abc")
    one.write_text('name = "x"\ntitle = "T"\n[weights]\ntrend = 1\n')
    two.write_text('title="T"   # a comment\nname = "x"\n[weights]\ntrend = 1.0\n')
    three.write_text('name = "x"\ntitle = "T"\n[weights]\ntrend = 2\n')
    assert load_profile(str(one)).digest == load_profile(str(two)).digest != load_profile(str(three)).digest


def test_sectors_are_understood_in_any_vendors_spelling(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('title = "T"\n[weights]\ntrend = 1\n[filters]\nsectors = ["Technology", "healthcare"]\n')
    assert load_profile(str(path)).filters.sectors == ("Information Technology", "Health Care")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("title = ", "Invalid value"),
        ('title = "x"', "weights"),
        ('title = "x"\n[weights]\nmomentun = 1', "momentun"),
        ('title = "x"\n[weights]\nmomentum = "much"', "momentum"),
        ('title = "x"\n[weights]\nmomentum = -1', "momentum"),
        ('title = "x"\n[weights]\nmomentum = 1\n[regime.weights]\ndown = { momentun = 1 }', "momentun"),
        ('title = "x"\n[weights]\nmomentum = 1\n[regime.weights]\ndwon = { momentum = 1 }', "dwon"),
        ('title = "x"\n[weights]\nmomentum = 0', "all weights are 0"),
        ('title = "x"\nside = "up"\n[weights]\nmomentum = 1', "side"),
        ('title = "x"\n[weights]\nmomentum = 1\n[risk]\nstop_atr = 5', "max_stop_atr"),
        ('title = "x"\n[weights]\nmomentum = 1\n[risk]\nswing_bars = 11', "swing_bars"),
        ('title = "x"\n[weights]\nmomentum = 1\n[filters]\nsectors = ["Tekhnology"]', "Technology"),
        ('title = "x"\n[weights]\nmomentum = 1\n[filters]\ntypes = ["stocks"]', "common"),
        ('title = "x"\n[weights]\nmomentum = 1\n[filters]\nmin_price = 9\nmax_price = 3', "min_price"),
        ('title = "x"\n[weights]\nmomentum = 1\n[regime.weights]\ndown = { momentum = 0 }', "down trend"),
    ],
)
def test_a_broken_profile_is_one_clear_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(text)
    with pytest.raises(ProfileError) as caught:
        load_profile(str(path))
    assert str(path) in str(caught.value)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_profile_is_answered_with_the_nearest() -> None:
    with pytest.raises(ProfileError, match="did you mean swing"):
        load_profile("swng")
    with pytest.raises(ProfileError, match=r"known: .*position"):
        load_profile("zzzz")
