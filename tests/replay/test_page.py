"""The page of a replay: whole, alone, with the numbers of the result, whatever is in it."""

from __future__ import annotations

import datetime as dt
import pickle
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import polars as pl
import pytest

import tapescan
from tapescan.core.errors import FileError
from tapescan.replay.parts import Part
from tapescan.replay.report.page import replay_page
from tapescan.replay.result import Compared, Comparison, ReplayResult, Verified
from tests.markup import Page, points, reaches_out
from tests.replay.replays import HOW, market, replayed

HOSTILE = "<script>alert('x')</script>\"&amp; \x1b[31m\u202e </title><img src=http://x.example/>"


def read(result: ReplayResult) -> tuple[str, Page]:
    text = replay_page(result)
    return text, Page(text)


def row(text: str, first: str) -> list[str]:
    """The cells of the row that begins with this one."""
    for found in re.findall(r"<tr>(.*?)</tr>", text, re.S):
        cells: list[str] = re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", found, re.S)
        if cells[:1] == [first]:
            return cells[1:]
    raise AssertionError(f"no row {first}")


def compared(result: ReplayResult, name: str) -> Comparison:
    one = Compared(name, 7, 0.123, -0.045, 1.5, 0.1, 0.2, float("nan"), 0.01, 0.25, -0.31, 40.4, "ahead", True, "So.")
    return Comparison(result.first, result.last, 3, (one,))


@pytest.mark.parametrize("plan", [False, True])
def test_a_page_needs_nothing_else(plan: bool) -> None:
    text, page = read(replayed(plan=plan))
    assert reaches_out(page, text) == []
    assert text.startswith("<!DOCTYPE html>\n<html lang=")
    assert ("color-scheme:light dark" in text, "prefers-color-scheme:dark" in text) == (True, True)
    assert ("width=device-width" in text, "max-width:36rem" in text) == (True, True)
    assert page.tags.count("figure") == 8
    assert "nan" not in text.lower().replace("finan", "")
    assert text == replay_page(replayed(plan=plan))


def test_what_reaches_out_is_seen() -> None:
    bad = '<p onclick="x()"><img src="a.png"/></p><style>@import url(x)</style>'
    assert len(reaches_out(Page(bad), bad)) == 5


def test_the_verdict_comes_first_then_what_belongs_beside_it_then_the_warnings() -> None:
    result = replayed()
    _, page = read(result)
    said = (result.verdict.sentence, *result.verdict.further, *result.verdict.warnings)
    places = [page.seen.index(line) for line in said]
    assert places == sorted(places)
    assert places[0] < 8
    assert max(places) < page.seen.index("sessions held, * as asked")


def test_the_numbers_are_those_of_the_result() -> None:
    result = replayed()
    text, page = read(result)
    found, held = result.statistics, result.statistics.held
    cells = row(text, "5*")
    assert cells[0] == f"{held.picks.mean * 100:+.2f}"
    assert cells[1] == f"{held.net.mean * 100:+.2f}"
    assert cells[2:4] == [f"{held.net_over_eligible.mean * 100:+.2f}", f"{held.net_over_eligible.t:+.1f}"]
    assert cells[-1] == f"{held.as_good:.2f}"
    net = found.growth["net"]
    assert row(text, "picks, net")[:2] == [f"{net.annual * 100:+.1f}", f"{net.volatility * 100:.1f}"]
    assert row(text, "picks, net")[3] == f"{net.drawdown * 100:+.1f}"
    for size, annual in result.capacity.items():
        assert row(text, f"${float(size):,.0f}") == [f"{annual * 100:+.1f}"]
    (part,) = found.by_year.values()
    assert f"<td>{part.picked:,}</td><td>{part.picks * 100:+.2f}</td>" in text
    last = result.curves["net"][-1] * 100.0 - 100.0
    seen = "".join(page.seen)
    assert f"picks, net {last:+.1f} %" in seen
    assert f"picks, net, deepest {net.drawdown * 100:.1f} %" in seen
    mean = result.daily["net_over_eligible"].drop_nulls().mean()
    assert isinstance(mean, float)
    assert f"{mean * 100:+.2f}" in row(text, "2025")[-1]
    bars = [int(one.replace(",", "")) for one in re.findall(r"to -?[\d.]+ %: ([\d,]+)</title>", text)]
    fills = result.trades.fills
    assert sum(bars) == fills["filled"] + fills["unfinished"]


def test_the_lines_rise_and_fall_as_the_account() -> None:
    result = replayed()
    lines = points(replay_page(result))
    assert len(lines) == 4  # the account and its drawdown, of the picks and of all eligible
    for line, name in zip(lines, ("net", "eligible"), strict=False):
        x, y = (list(one) for one in zip(*line, strict=True))
        assert x == sorted(x)
        values = result.curves[name].to_list()
        assert len(values) == len(line)
        assert y.index(max(y)) == values.index(min(values))
        assert y.index(min(y)) == values.index(max(values))


def test_the_index_is_drawn_where_it_is_known() -> None:
    result = replayed()
    assert "the index has no bars of its own here" in replay_page(result)
    known = msgspec.structs.replace(result, curves=result.curves.with_columns(index=pl.col("eligible") * 1.5))
    text = replay_page(known)
    assert "the index has no bars" not in text
    assert f"index {known.curves['index'][-1] * 100.0 - 100.0:+.1f} %" in text


def test_nobody_elses_text_is_obeyed() -> None:
    result = replayed()
    part = Part(3, 0.1, result.statistics.held.net)
    hostile = msgspec.structs.replace(
        result,
        title=HOSTILE,
        notes=(HOSTILE,),
        verdict=msgspec.structs.replace(result.verdict, sentence=HOSTILE, further=(HOSTILE,), warnings=(HOSTILE,)),
        statistics=msgspec.structs.replace(result.statistics, by_sector={HOSTILE: part}, by_regime={HOSTILE: part}),
        provenance={**result.provenance, "screen": HOSTILE, HOSTILE: [HOSTILE, {HOSTILE: HOSTILE}]},
        comparison=compared(result, HOSTILE),
    )
    text, page = read(hostile)
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert "<script" not in text
    assert not [c for c in text if not c.isprintable() and c not in "\n"]
    assert [name for name, _ in page.attributes if name in {"src", "href"} or name.startswith("on")] == []
    assert "".join(page.seen).count("alert('x')") >= 9


def test_what_was_compared_stands_on_the_page() -> None:
    result = replayed()
    text, _ = read(msgspec.structs.replace(result, comparison=compared(result, "mine")))
    assert row(text, "mine") == [
        "ahead, sure", "7", "+12.3", "-4.5", "+1.5", "-", "+1.0", "0.25", "-31.0", "40",
    ]  # fmt: skip


def test_nothing_picked_breaks_no_page() -> None:
    """Beside one that picks somebody: alone it is refused."""
    result = tapescan.replay_market(market(), where="close < 0", compare=["swing"], **HOW)  # type: ignore[arg-type]
    assert result.statistics.picked == 0
    text, page = read(result)
    assert result.verdict.sentence in page.seen
    assert page.tags.count("figure") == 8
    assert "Not measured." in page.seen
    assert "nan" not in text.lower().replace("finan", "")


def test_empty_frames_and_a_partial_result_break_no_page() -> None:
    result = replayed(plan=True)
    empty = msgspec.structs.replace(
        result,
        picks=result.picks.clear(),
        daily=result.daily.clear(),
        curves=result.curves.clear(),
        capacity={},
        partial=True,
        notes=("broken off: 3 sessions are done",),
        verified=Verified((dt.date(2025, 9, 2), dt.date(2025, 9, 3)), (dt.date(2025, 9, 3),)),
    )
    _, page = read(empty)
    said = "".join(page.seen)
    assert "(PARTIAL: broken off)" in said
    assert "broken off: 3 sessions are done" in said
    assert "1 of 2 sessions scanned anew gave the same bytes; not 2025-09-03" in said
    assert page.seen.count("Not measured.") == 7


def test_it_is_written_at_once_or_not_at_all(tmp_path: Path) -> None:
    result = replayed()
    result.write_html(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == replay_page(result)
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="cannot be written"):
        result.write_html(tmp_path / "file" / "page.html")


def test_a_page_needs_no_extras(tmp_path: Path) -> None:
    (tmp_path / "result").write_bytes(pickle.dumps(replayed()))
    extras = ("xgboost", "scipy", "sklearn", "matplotlib", "pandas", "plotext", "skfolio", "IPython")
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({extras!r}))\n"
        "import pickle; result = pickle.loads(open('result', 'rb').read())\n"
        "result.write_html('page.html')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == replay_page(replayed())
