"""Value, quality and growth in the scan: against a plain reference, beside their sector, and where unknown."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import msgspec
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tapescan.columns.factors import EVERY_FACTOR
from tapescan.core.errors import OptionError, ScreenError
from tapescan.fundamentals.ratios import RATIOS
from tapescan.history.market import Market
from tapescan.scan.explain import explain
from tapescan.scan.pipeline import run
from tapescan.scan.profile import Profile, Weights, load_profile
from tapescan.scan.request import Request, prepare
from tapescan.scan.result import ScanResult

SWING = load_profile("swing")
NAMES = ("value", "quality", "growth")

#: Each factor's ratios, and whether more is better.
TERMS = {
    "value": {"earnings_yield": 1, "sales_yield": 1, "cash_flow_yield": 1, "book_to_price": 1},
    "quality": {"roe": 1, "roa": 1, "gross_margin": 1, "accruals": -1, "leverage": -1, "f_score": 1},
    "growth": {"revenue_growth": 1, "eps_growth": 1},
}


@pytest.fixture(scope="module")
def request_() -> Request:
    return prepare(load_profile("fundamental"), features=[name for name in RATIOS if name != "market_cap"])


@pytest.fixture(scope="module")
def result(with_statements: Market, request_: Request) -> ScanResult:
    return run(with_statements, request_)


def plain_factor(frame: pl.DataFrame, terms: dict[str, int]) -> dict[str, float]:
    """A factor by its definition, symbol by symbol, from the ratios that the result shows."""
    rows = frame.sort("symbol").to_dicts()
    scores: dict[str, list[float]] = {row["symbol"]: [] for row in rows}
    for name, sign in terms.items():
        known = {row["symbol"]: sign * row[name] for row in rows if row[name] is not None}
        ordered = sorted(known.values())
        cut = int(0.01 * len(ordered))
        held = {s: min(max(v, ordered[cut]), ordered[len(ordered) - 1 - cut]) for s, v in known.items()}
        mean, deviation = np.mean(list(held.values())), np.std(list(held.values()))
        z = {s: min(max((v - mean) / deviation, -3.0), 3.0) for s, v in held.items()}
        sector = {row["symbol"]: row["sector"] for row in rows}
        members = {one: [z[s] for s in z if sector[s] == one] for one in set(sector.values())}
        small = [value for values in members.values() if len(values) < 5 for value in values]
        for symbol, value in z.items():
            group = members[sector[symbol]]
            scores[symbol].append(float(value - np.mean(group if len(group) >= 5 else small)))
    return {symbol: float(np.mean(values)) for symbol, values in scores.items() if values}


@pytest.mark.parametrize("name", NAMES)
def test_a_factor_is_its_definition(result: ScanResult, name: str) -> None:
    ranked = result.ranked
    assert len(ranked) > 200
    found = {symbol: value for symbol, value in ranked.select("symbol", f"factor_{name}").rows() if value is not None}
    assert found == pytest.approx(plain_factor(ranked, TERMS[name]), abs=1e-9)
    assert 0 < ranked[f"factor_{name}"].null_count() < len(ranked) / 4


@pytest.mark.parametrize("name", NAMES)
def test_a_sectors_mean_is_taken_out(inputs: Market, with_statements: Market, name: str) -> None:
    """A whole sector twice as cheap, good or growing as before ranks no higher for it."""
    table = with_statements.fundamentals
    assert table is not None
    request = prepare(SWING)
    before = run(with_statements, request).ranked
    sector = before["sector"].mode().sort()[0]
    inside = with_statements.universe["sector"].head(len(table)) == sector
    # Small steps, so that no value leaves the range in which nothing is cut.
    moved = table.with_columns(
        pl.when(inside).then(pl.col(ratio) + 0.5 * sign * pl.col(ratio).std()).otherwise(ratio).alias(ratio)
        for ratio, sign in TERMS[name].items()
    )
    after = run(replace(inputs, fundamentals=moved), request).ranked.select("symbol", new=f"factor_{name}")
    both = before.select("symbol", "sector", old=f"factor_{name}").join(after, on="symbol").drop_nulls()
    own = both.filter(pl.col("sector") == sector)
    assert len(own) >= 20
    assert abs((own["new"] - own["old"]).mean()) < 0.05  # type: ignore[operator, arg-type]
    assert np.corrcoef(both["old"], both["new"])[0, 1] > 0.98


@pytest.mark.parametrize(("ratio", "sign"), [(r, s) for terms in TERMS.values() for r, s in terms.items()])
def test_each_terms_sign(with_statements: Market, ratio: str, sign: int) -> None:
    """A company that has more of one thing, all else equal, has more (or less) of the factor."""
    name = next(factor for factor, terms in TERMS.items() if ratio in terms)
    request = prepare(SWING)
    plain = run(with_statements, request).ranked
    table = with_statements.fundamentals
    assert table is not None
    known = table.filter(pl.col(ratio).is_not_null() & pl.col("symbol").is_in(plain["symbol"].implode()))
    symbol = known.sort(ratio)["symbol"][len(known) // 2]  # from the middle, so that nothing is cut off
    more = table[ratio].quantile(0.9)
    raised = table.with_columns(
        pl.when(pl.col("symbol") == symbol).then(pl.lit(more)).otherwise(pl.col(ratio)).alias(ratio)
    )

    def factor(frame: pl.DataFrame) -> float:
        return float(frame.filter(pl.col("symbol") == symbol)[f"factor_{name}"][0])

    moved = factor(run(replace(with_statements, fundamentals=raised), request).ranked) - factor(plain)
    assert moved * sign > 0.05


def test_a_symbol_without_statements_counts_with_the_middle(result: ScanResult) -> None:
    shares = result.provenance["weights"]
    for name in NAMES:
        missing = result.ranked.filter(pl.col(f"factor_{name}").is_null())
        np.testing.assert_allclose(missing[f"score_{name}"], 50.0 * shares[name], rtol=0, atol=1e-9)
        assert missing["unknown_factors"].str.split(",").list.contains(name).all()
        known = result.ranked.filter(pl.col(f"factor_{name}").is_not_null())
        assert not known["unknown_factors"].str.split(",").list.contains(name).any()
    assert result.notes == tuple(note for note in result.notes if "statements" not in note)


def test_statements_move_nothing_in_a_profile_that_does_not_weigh_them(
    inputs: Market, with_statements: Market
) -> None:
    with_, without = run(with_statements, prepare(SWING)), run(inputs, prepare(SWING))
    others = [name for name in without.frame.columns if name.removeprefix("factor_") not in NAMES]
    assert_frame_equal(with_.frame.select(others), without.frame.select(others), check_exact=True)
    assert with_.ranked["factor_value"].null_count() < len(with_.ranked)
    assert without.ranked["factor_value"].null_count() == len(without.ranked)
    assert with_.notes == without.notes == inputs.notes


def test_a_market_without_statements_ranks_by_the_other_factors(inputs: Market) -> None:
    position = load_profile("position")
    bare = msgspec.structs.replace(position.weights, value=0.0, quality=0.0, growth=0.0)
    found = run(inputs, prepare(position))
    plain = run(inputs, prepare(msgspec.structs.replace(position, weights=bare)))
    assert_frame_equal(found.frame, plain.frame, check_exact=True)
    assert found.provenance["weights"] == plain.provenance["weights"]
    assert sum(found.provenance["weights"].values()) == pytest.approx(1.0)
    new = [note for note in found.notes if note not in inputs.notes]
    assert len(new) == 1
    assert "value, quality: unknown" in new[0]
    assert "\n" not in new[0]
    assert plain.notes == inputs.notes
    assert (found.ranked["unknown_factors"] == "").all()


def test_what_only_some_factors_lack_is_said_of_those(with_statements: Market) -> None:
    """Statements without numbers of shares: no company has a market value."""
    table = with_statements.fundamentals
    assert table is not None
    no_value = table.with_columns(pl.lit(None, pl.Float64).alias(name) for name in ("market_cap", *TERMS["value"]))
    found = run(replace(with_statements, fundamentals=no_value), prepare(load_profile("position")))
    assert "value" not in found.provenance["weights"]
    assert found.provenance["weights"]["quality"] > 0
    new = [note for note in found.notes if note not in with_statements.notes]
    assert len(new) == 1
    assert new[0].startswith("value: ")
    assert "statements" not in new[0]


def test_a_profile_of_nothing_but_the_unknown_says_so(inputs: Market) -> None:
    only = Profile(title="t", weights=Weights(value=1.0), filters=SWING.filters)
    found = run(inputs, prepare(only))
    assert (found.ranked["score"] == 50.0).all()
    assert (found.ranked["unknown_factors"] == "value").all()
    assert "nothing to rank by" in found.notes[-1]


def test_two_scans_give_the_same_bytes(
    with_statements: Market, request_: Request, result: ScanResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAPESCAN_THREADS", "1")
    assert run(with_statements, request_).frame.write_csv() == result.frame.write_csv()


def test_coverage_adds_up_and_the_score_is_its_columns(with_statements: Market, result: ScanResult) -> None:
    assert result.coverage.requested == len(with_statements.universe) == len(result.frame)
    parts = result.ranked.select(pl.sum_horizontal(f"score_{name}" for name in EVERY_FACTOR)).to_series()
    np.testing.assert_allclose(parts, result.ranked["score"], rtol=0, atol=1e-9)


def test_a_screen_and_a_ranking_by_ratios(with_statements: Market) -> None:
    asked = prepare(SWING, where="earnings_yield > 0.02 AND f_score >= 6", rank_by="earnings_yield desc")
    assert asked.shown == ("earnings_yield", "f_score")
    found = run(with_statements, asked).ranked
    everyone = run(with_statements, prepare(SWING, features=["earnings_yield", "f_score"])).ranked
    expected = everyone.filter((pl.col("earnings_yield") > 0.02) & (pl.col("f_score") >= 6))
    assert 5 < len(expected) < len(everyone) / 2
    assert sorted(found["symbol"]) == sorted(expected["symbol"])
    assert found["earnings_yield"].is_sorted(descending=True)
    assert found["f_score"].null_count() == 0


def test_a_ratio_nobody_has_satisfies_no_screen_and_is_said(inputs: Market) -> None:
    found = run(inputs, prepare(SWING, where="earnings_yield > -9 OR earnings_yield <= -9"))
    assert found.coverage.ranked == 0
    assert "earnings_yield" in found.notes[-1]
    assert "no company statements" in found.notes[-1]


def test_a_mistyped_ratio_is_answered_with_the_nearest() -> None:
    with pytest.raises(ScreenError, match="earnings_yield"):
        prepare(SWING, where="earning_yield > 0.05")
    with pytest.raises(OptionError, match="gross_margin"):
        prepare(SWING, features=["gros_margin"])


def test_one_symbol_explained(with_statements: Market, result: ScanResult) -> None:
    row = result.ranked.drop_nulls(("f_score", "earnings_yield", "accruals")).row(0, named=True)
    found = explain(result, row["symbol"])
    assert found.statements is not None
    assert found.statements.period_end == dt.date(2025, 6, 30)
    assert found.statements.known_at == dt.date(2025, 8, 4)
    views = {view.name: dict(view.terms) for view in found.factors}
    assert views["value"]["12 months' earnings to market value"] == f"{row['earnings_yield']:+.1%}"
    assert views["quality"]["earnings without cash, to assets"] == f"{row['accruals']:+.1%}"
    assert views["quality"]["Piotroski's F-score"] == f"{row['f_score']:.3g}/9"
    assert sum(view.points or 0.0 for view in found.factors) == pytest.approx(row["score"])


def test_a_symbol_without_statements_explained(with_statements: Market, inputs: Market, result: ScanResult) -> None:
    symbol = result.ranked.filter(pl.col("factor_value").is_null() & pl.col("factor_quality").is_null())["symbol"][0]
    found = explain(run(with_statements, prepare(SWING)), symbol)
    assert found.statements is None
    views = {view.name: view for view in found.factors}
    assert {text for _, text in views["quality"].terms} == {None}
    bare = explain(run(inputs, prepare(SWING)), symbol)
    assert not {view.name for view in bare.factors} & set(NAMES)
