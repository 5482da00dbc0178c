"""What a notebook shows of a scan: a table, what is to be known of it, no script, and every text escaped."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import polars as pl
import pytest
from msgspec import structs

from tapescan.history.market import Market
from tapescan.scan.pipeline import run
from tapescan.scan.profile import load_profile
from tapescan.scan.request import prepare
from tapescan.scan.result import ScanResult

HOSTILE = "<img src=x onerror=alert(1)>"


class Seen(HTMLParser):
    """The tags, their attributes, and the texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[object] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def result(inputs: Market) -> ScanResult:
    return run(inputs, prepare(load_profile("swing"), features=["rsi_14", "sector", "newest"]))


def test_the_best_twenty_and_what_is_to_be_known(result: ScanResult) -> None:
    seen = Seen(result._repr_html_())
    assert seen.tags.count("tr") == 21
    assert seen.attributes == []
    assert {*seen.tags} == {"div", "p", "b", "table", "thead", "tbody", "tr", "th", "td"}
    told = "\n".join(seen.texts)
    assert str(result.as_of) in told
    assert "profile swing" in told
    assert "SIMULATED market" in told
    assert str(result.regime) in told
    assert f"Coverage: {result.coverage}" in told
    assert all(note in told for note in result.notes)
    for name in ("symbol", "score", "stop", "rsi_14", "newest"):
        assert name in seen.texts
    assert seen.texts.count("sector") == 1
    best = result.ranked.row(0, named=True)
    assert [best["symbol"], f"{best['score']:.1f}", f"{best['rsi_14']:.4g}"] == [
        text for text in seen.texts if text in {best["symbol"], f"{best['score']:.1f}", f"{best['rsi_14']:.4g}"}
    ][:3]


def test_a_hostile_name_is_only_a_text(inputs: Market) -> None:
    universe = inputs.universe.with_columns(name=pl.lit(HOSTILE), sector=pl.lit("a & b"))
    result = run(replace(inputs, universe=universe), prepare(load_profile("swing"), features=["sector"]))
    about = {**result.provenance, "profile": {"name": HOSTILE, "digest": ""}}
    hostile = structs.replace(result, notes=(f"<script>{HOSTILE}</script>",), provenance=about)
    page = hostile._repr_html_()
    seen = Seen(page)
    assert {"img", "script"}.isdisjoint(seen.tags)
    assert seen.attributes == []
    assert seen.texts.count(HOSTILE) == 20
    assert "a &amp; b" in page


def test_a_real_market_is_not_called_simulated_and_nothing_ranked_is_said(inputs: Market) -> None:
    real = replace(inputs, provenance={"store": {"bars": 0}}, notes=())
    found = run(real, prepare(load_profile("swing"), where="close < 0"))
    told = Seen(found._repr_html_()).texts
    assert "No symbol was ranked." in told
    assert not any("SIMULATED" in text for text in told)
