"""The report of ranges and of all orders: the numbers of the records, side by side, and nothing from elsewhere."""

from __future__ import annotations

import datetime as dt
import re
from functools import cache
from pathlib import Path

import msgspec
import pytest

from tapescan.core.pages import as_text
from tapescan.models.cone.judge import RULE
from tapescan.models.cone.record import RangesRecord
from tapescan.models.cone.train import learn_cone
from tapescan.models.learners import CONE
from tapescan.models.report.order import order_tables
from tapescan.models.report.page import write_html
from tapescan.models.report.ranges import merged, range_tables, ranges_text
from tests.markup import Page, points, reaches_out
from tests.models.cone.test_beside import Ruled
from tests.models.cone.worlds import market_of, world
from tests.models.test_report import RECORD, cells

STRANGE = "<b>tft&"


@cache
def ranges() -> RangesRecord:
    samples = world(dates=140)
    return learn_cone(samples, market_of(samples.session), dt.date(2025, 6, 30), others=[Ruled(STRANGE)]).record


def test_a_table_has_the_numbers_of_all_forecasters() -> None:
    text = ranges_text([ranges()])
    assert text.count("Ranges of closes over") == 4
    for at, one in enumerate(ranges().horizons):
        rule, cone, other = (one.forecasters[name].record for name in (RULE, CONE, STRANGE))
        assert cells(text, "pinball loss")[at] == [f"{some.loss:.4%}" for some in (rule, cone, other)]
        assert cells(text, "below the rule's")[at] == [f"{some.gain:+.2%}" for some in (cone, other)]
        lead = one.forecasters[STRANGE].over_cone
        assert lead is not None
        assert cells(text, "below the cone's")[at] == [f"{lead.gain:+.2%}"]
        assert cells(text, "covered")[at] == [f"{some.coverage:.1%}" for some in (rule, cone, other)]
        assert cells(text, "gate")[at][0] == ("passed" if cone.counts else "not passed")
        parts = "\n".join(as_text(range_tables(one)[1]))
        for group in ("by_year", "by_volatility", "by_liquidity", "by_season"):
            for name in getattr(rule, group):
                shares = [f"{getattr(some, group)[name]:.1%}" for some in (rule, cone, other)]
                assert re.search(rf"{name} +{' +'.join(map(re.escape, shares))}$", parts, re.MULTILINE)
        for fold in range(len(rule.folds)):
            shares = [f"{some.folds[fold].coverage:.1%}" for some in (rule, cone, other)]
            assert re.search(rf"{rule.folds[fold].last} +{' +'.join(shares)}$", parts, re.MULTILINE)


def test_the_page_is_whole_and_reaches_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_html([RECORD], path, [ranges()])
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert not reaches_out(page, text)
    assert STRANGE not in text
    assert "&lt;b&gt;tft&amp;" in text
    for one in ranges().horizons:
        assert one.forecasters[CONE].record.reason in [said.strip() for said in page.seen]
        assert f"{one.forecasters[CONE].record.loss:.4%}" in page.seen
    again = tmp_path / "again.html"
    write_html([RECORD], again, [ranges()])
    assert again.read_bytes() == path.read_bytes()


def test_the_plots_show_what_came(tmp_path: Path) -> None:
    write_html([], tmp_path / "report.html", [ranges()])
    lines = points((tmp_path / "report.html").read_text(encoding="utf-8"))
    # Two plots a horizon, of three forecasters each.
    assert len(lines) == 4 * 2 * 3
    for at, one in enumerate(ranges().horizons):
        covered, levels = lines[6 * at : 6 * at + 3], lines[6 * at + 3 : 6 * at + 6]
        assert all(len(some) == len(one.sessions) - 12 for some in covered)
        # Higher on the page where more were covered.
        first = [sum(said.covered[:13]) for said in one.forecasters.values()]
        heights = [-some[0][1] for some in covered]
        assert sorted(range(3), key=heights.__getitem__) == sorted(range(3), key=first.__getitem__)
        lowest = [said.record.levels[0] for said in one.forecasters.values()]
        heights = [-some[0][1] for some in levels]
        assert sorted(range(3), key=heights.__getitem__) == sorted(range(3), key=lowest.__getitem__)


def test_records_of_the_same_returns_are_one_table() -> None:
    whole = ranges()
    apart = tuple(
        msgspec.structs.replace(one, forecasters={n: one.forecasters[n] for n in (RULE, STRANGE)})
        for one in whole.horizons
    )
    cone = tuple(
        msgspec.structs.replace(one, forecasters={n: one.forecasters[n] for n in (RULE, CONE)})
        for one in whole.horizons
    )
    records = [msgspec.structs.replace(whole, horizons=cone), msgspec.structs.replace(whole, horizons=apart)]
    assert merged(records) == merged(records[::-1]) == merged([whole])
    assert [*merged(records)[0].forecasters] == [RULE, CONE, STRANGE]
    # Of other dates they are not compared.
    others = tuple(
        msgspec.structs.replace(one, sessions=tuple(day + dt.timedelta(days=1) for day in one.sessions))
        for one in apart
    )
    assert len(merged([records[0], msgspec.structs.replace(whole, horizons=others)])) == 8


def test_orders_of_all_models_and_baselines_stand_side_by_side() -> None:
    other = msgspec.structs.replace(RECORD, kind="ridge")
    whole, ics, spreads = order_tables([RECORD, other])
    assert [row[0] for row in whole.rows] == [
        "xgboost_5",
        "ridge_5",
        "momentum, 5 sessions",
        "reversal, 5 sessions",
        "ridge, 5 sessions",
    ]
    summary = RECORD.model.summary
    assert summary.rank_ic is not None
    assert summary.net_spread is not None
    assert whole.rows[0][2] == f"{summary.rank_ic:+.4f}"
    assert whole.rows[0][5] == f"{summary.net_spread:+.3%}"
    assert whole.rows[0][-1] == f"weight {RECORD.gate.weight:.2f}"
    assert whole.rows[2][-1] == "baseline"
    for table, field, form in ((ics, "rank_ic", "{:+.3f}"), (spreads, "net_spread", "{:+.2%}")):
        years = RECORD.model.by_year
        assert table.head[1:] == tuple(years)
        assert table.rows[0][1:] == tuple(form.format(getattr(one, field)) for one in years.values())
    assert order_tables([]) == []


@pytest.mark.parametrize("records", [[], [RECORD]])
def test_without_ranges_the_page_has_none(records: list[object], tmp_path: Path) -> None:
    write_html(records, tmp_path / "report.html")  # type: ignore[arg-type]
    assert "Ranges" not in (tmp_path / "report.html").read_text(encoding="utf-8")
