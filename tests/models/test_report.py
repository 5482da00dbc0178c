"""Records on disk, and the report of them: the numbers of the record, all said, and nothing from elsewhere."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tapescan.core.errors import FileError, ModelError
from tapescan.models.judging.gate import gate
from tapescan.models.judging.judgement import Judgement
from tapescan.models.registry.record import (
    FoldRecord,
    PathRecord,
    Record,
    TenthRecord,
    from_gate,
    from_judgement,
    read_record,
    read_records,
    save_record,
)
from tapescan.models.report.page import table, write_html
from tests.markup import Page, points
from tests.models import records

BASELINES = ("momentum", "reversal", "ridge")
DATES = 120


def judgements(horizon: int = 5, dates: int = DATES) -> dict[str, Judgement]:
    made = records.record(dates, 150, signal=0.1, every=horizon, horizon=horizon, seed=1)
    volume = np.tile(np.arange(150.0), dates)
    regime = {int(day): ("calm", "wild")[place % 2] for place, day in enumerate(np.unique(made.session))}
    random = np.random.default_rng(9)
    found = {"model": made} | {name: made.with_forecast(random.normal(size=len(made.session))) for name in BASELINES}
    return {name: one.judge(trials=7, dollar_volume=volume, regime=regime, cost=12.5) for name, one in found.items()}


def made_record(judged: dict[str, Judgement]) -> Record:
    model = judged["model"]
    days = model.per_date.session.astype("datetime64[D]").tolist()
    others = {name: one for name, one in judged.items() if name != "model"}
    return Record(
        kind="xgboost",
        horizon=model.horizon,
        every=model.every,
        cost=model.cost,
        judgements={name: from_judgement(one) for name, one in judged.items()},
        gate=from_gate(gate(model, others)),
        trials=7,
        paths=tuple(PathRecord(0.01 * n, 0.002 * n - 0.003) for n in (4, 1, 2)),
        deciles=tuple(0.001 * n - 0.004 for n in range(10)),
        calibration=tuple(TenthRecord(0.01 * n - 0.045, 0.004 * n - 0.02) for n in range(10)),
        importance={f"feature_{n}": 1 / 25 for n in range(25)},
        folds=(FoldRecord((dt.date(2016, 1, 4), days[0]), (days[0], days[-1]), 123_456),),
        trained={"symbols": 150, "parameters": {"depth": 4}},
    )


JUDGED = judgements()
RECORD = made_record(JUDGED)


def cells(text: str, name: str) -> list[list[str]]:
    """The cells of all rows that begin with this name."""
    rows = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]
    return [row[1:] for row in rows if row[0] == name]


def changed(path: Path, *keys: str | int, value: object) -> None:
    """Set one value in a JSON file."""
    content = json.loads(path.read_bytes())
    place = content
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    path.write_text(json.dumps(content))


def page(tmp_path: Path, *shown: Record) -> tuple[str, Page]:
    path = tmp_path / "report.html"
    write_html(shown, path)
    text = path.read_text(encoding="utf-8")
    return text, Page(text)


def test_a_record_survives_the_disk(tmp_path: Path) -> None:
    path = save_record(tmp_path, RECORD)
    assert path.name == "xgboost_5.record.json"
    kept = read_record(path)
    assert kept.seal
    assert msgspec.structs.replace(kept, seal="") == RECORD
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_a_record_holds_what_was_judged() -> None:
    model, kept = JUDGED["model"], RECORD.model
    for field in dataclasses.fields(model.summary):
        assert getattr(kept.summary, field.name) == getattr(model.summary, field.name)
    assert np.array_equal(np.array(kept.per_date.session, "datetime64[D]").astype(np.int32), model.per_date.session)
    assert np.array_equal(kept.per_date.rank_ic, model.per_date.rank_ic)
    assert (kept.per_date.turnover[0], kept.deflated.trials) == (None, 7)  # the first portfolio takes nobody's place
    assert list(kept.by_regime) == ["calm", "wild"]


def test_records_of_a_folder_are_sorted_by_horizon_and_learner(tmp_path: Path) -> None:
    for horizon in (10, 5):
        made = made_record(judgements(horizon, 40))
        for kind in ("xgboost", "ridge"):
            save_record(tmp_path, msgspec.structs.replace(made, kind=kind))
    assert [one.name for one in read_records(tmp_path)] == ["ridge_5", "xgboost_5", "ridge_10", "xgboost_10"]
    for empty in (tmp_path / "nowhere", tmp_path / "empty"):
        with pytest.raises(ModelError, match="no model was judged there; train first"):
            read_records(empty)
        (tmp_path / "empty").mkdir(exist_ok=True)


@pytest.mark.parametrize(
    ("keys", "value", "reason"),
    [
        (("judgements", "model", "per_date", "rank_ic"), [0.1], "120 dates, and rank_ic has another number"),
        (("judgements", "model", "per_date", "rank_ic", 3), 1.5, "<= 1.0"),
        (("judgements", "model", "per_date", "session", 3), "2030-01-02", "do not ascend"),
        (("judgements", "model", "horizon"), 10, "of model is of another horizon"),
        (("judgements",), {}, "the model itself is missing"),
        (("gate", "weight"), 1.2, "<= 1.0"),
        (("gate", "why"), "", "unknown field `why`"),
        (("trials",), 0, ">= 1"),
        (("format",), 1, "its format is 1, this code reads 3"),
        (("gate", "weight"), 0.9, "edited since the training wrote it"),
        (("deciles", 0), 1e308, "edited since the training wrote it"),
    ],
)
def test_a_broken_record_is_refused_with_the_reason(
    tmp_path: Path, keys: tuple[str | int, ...], value: object, reason: str
) -> None:
    path = save_record(tmp_path, RECORD)
    changed(path, *keys, value=value)
    with pytest.raises(ModelError, match=re.escape(reason)) as caught:
        read_record(path)
    assert str(path) in str(caught.value)


def test_a_cut_a_foreign_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    path = save_record(tmp_path, RECORD)
    other = path.rename(tmp_path / "xgboost_10.record.json")
    with pytest.raises(ModelError, match="record of another model, xgboost_5"):
        read_record(other)
    content = other.read_bytes()
    for broken in (content[: len(content) // 2], b"", b"\xff\xfe", b"[]"):
        path.write_bytes(broken)
        with pytest.raises(ModelError, match="not a model's record"):
            read_record(path)
    with pytest.raises(FileError, match="No such file"):
        read_record(tmp_path / "xgboost_3.record.json")


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="check the folder"):
        save_record(tmp_path / "file", RECORD)
    with pytest.raises(FileError, match="cannot be written"):
        write_html([RECORD], tmp_path / "file" / "report.html")


def test_the_table_has_the_numbers_of_the_record() -> None:
    text = table([RECORD])
    summaries = [JUDGED[name].summary for name in ("model", *BASELINES)]
    assert cells(text, "dates")[0] == ["120"] * 4
    assert cells(text, "IC")[0] == [f"{one.ic:.4f}" for one in summaries]
    assert cells(text, "ICIR")[0] == [f"{one.icir:.2f}" for one in summaries]
    assert cells(text, "rank IC")[0] == [f"{one.rank_ic:.4f}" for one in summaries]
    assert cells(text, "t")[0] == [f"{one.t:.1f}" for one in summaries]
    assert cells(text, "positive")[0] == [f"{100 * one.positive:.0f}%" for one in summaries]
    assert cells(text, "spread")[0] == [f"{100 * one.spread:.3f}%" for one in summaries]
    assert cells(text, "net a year")[0] == [f"{100 * one.net_spread_yearly:.1f}%" for one in summaries]
    assert cells(text, "net t")[0] == [f"{one.net_t:.1f}" for one in summaries]
    assert cells(text, "turnover")[0] == [f"{100 * one.turnover:.0f}%" for one in summaries]
    assert max(map(len, text.splitlines()[5:])) <= 120
    assert re.search(r"^ +model +momentum +reversal +ridge$", text, re.MULTILINE)


def test_the_table_has_the_parts_the_paths_and_the_words() -> None:
    text = table([RECORD])
    model = JUDGED["model"]
    for field, parts in (("by_year", ("2018", "2019")), ("by_liquidity", ("low", "high")), ("by_regime", ("wild",))):
        for name in parts:
            one = getattr(model, field)[name]
            theirs = [f"{getattr(JUDGED[other], field)[name].rank_ic:.4f}" for other in BASELINES]
            own = [str(one.dates), f"{one.rank_ic:.4f}", f"{one.t:.1f}", f"{100 * one.net_spread_yearly:.1f}%"]
            assert [*own, *theirs] in cells(text, name)
    assert cells(text, "rank IC")[1] == ["0.0100", "0.0200", "0.0400"]
    assert cells(text, "net spread")[1] == ["-0.100%", "0.100%", "0.500%"]
    assert RECORD.gate.reason in text
    assert "costs of 12.5 basis points" in text
    worth = model.deflated
    assert f"Deflated Sharpe ratio: {100 * worth.probability:.1f}%" in text
    assert f"by chance the best of 7 trainings would show {worth.benchmark:.3f}" in text
    assert f"Its Sharpe ratio is {worth.sharpe:.3f} a date" in text


def test_what_cannot_be_known_is_a_dash() -> None:
    few = {name: one for name, one in judgements(5, 3).items() if name in {"model", "ridge"}}
    assert math.isnan(few["model"].summary.t)
    record = msgspec.structs.replace(made_record(few), paths=(), calibration=(), importance={}, folds=(), trained={})
    text = table([record])
    assert cells(text, "t")[0] == ["-", "-"]
    assert "nan" not in text.lower()
    assert "None" not in text
    assert "histories recombined" not in text


def test_both_horizons_stand_in_one_text() -> None:
    text = table([RECORD, made_record(judgements(10, 40))])
    assert text.index("xgboost_5: forecasts over 5 sessions") < text.index("xgboost_10: forecasts over 10 sessions")
    assert text.count("What the numbers mean") == 1


def test_no_byte_of_a_record_reaches_the_terminal_raw() -> None:
    reason = "no\x1b[2J weight"
    model = msgspec.structs.replace(RECORD.model, by_regime={reason: RECORD.model.summary})
    for changes in (
        {"gate": msgspec.structs.replace(RECORD.gate, reason=reason)},
        {"judgements": {"model": model, reason: model}},
    ):
        text = table([msgspec.structs.replace(RECORD, **changes)])
        assert "no [2J weight" in text
        assert "\x1b" not in text


def test_the_page_is_whole_and_needs_no_network(tmp_path: Path) -> None:
    text, parsed = page(tmp_path, RECORD)
    assert "http" not in text
    assert "//" not in text
    assert not {"script", "link", "img", "iframe", "object"} & set(parsed.tags)
    assert not {"src", "href"} & {name for name, _ in parsed.attributes}
    assert "url(" not in text
    assert "@import" not in text
    first = (tmp_path / "report.html").read_bytes()
    write_html([RECORD], tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == first


def test_the_page_has_all_numbers_of_the_table(tmp_path: Path) -> None:
    _, parsed = page(tmp_path, RECORD)
    seen = set(parsed.seen)
    for row in ("IC", "rank IC", "t", "net a year", "turnover", "2018", "low", "calm"):
        for wanted in cells(table([RECORD]), row):
            assert set(wanted) <= seen
    assert {RECORD.gate.reason, "123,456", "depth 4", f"{RECORD.gate.weight:.4f}"} <= seen
    # Every plot names the units of its axes.
    for label in ("rank IC, -1 to 1", "sum of rank ICs so far", "mean return over 5 sessions, %", "importance, %"):
        assert label in seen


def test_the_page_escapes_names(tmp_path: Path) -> None:
    bad = '<b onclick="x">&'
    judged = dict(RECORD.judgements) | {bad: RECORD.judgements["ridge"]}
    regimes = msgspec.structs.replace(RECORD.model, by_regime={bad: RECORD.model.summary})
    record = msgspec.structs.replace(
        RECORD,
        judgements=judged | {"model": regimes},
        importance={bad: 1.0},
        trained={bad: bad},
        gate=msgspec.structs.replace(RECORD.gate, reason=bad, numbers={bad: 1.0, f"lead_{bad}": 1.0}),
    )
    _, parsed = page(tmp_path, record)
    assert "b" not in parsed.tags
    assert sum(bad in text for text in parsed.seen) >= 8


def test_plots_show_the_values(tmp_path: Path) -> None:
    text, parsed = page(tmp_path, RECORD)
    lines = points(text)
    assert len(lines) == 4
    for name, line in zip(("model", *BASELINES), lines, strict=True):
        x, y = np.array(line).T
        rank_ic = JUDGED[name].per_date.rank_ic
        assert len(x) == DATES
        assert (np.diff(x) > 0).all()
        # Heights go down the screen, and all lines share one scale.
        assert np.corrcoef(y, rank_ic.cumsum())[0, 1] == pytest.approx(-1.0, abs=1e-5)
    ends = [JUDGED[name].per_date.rank_ic.sum() for name in ("model", *BASELINES)]
    assert np.argsort([-line[-1][1] for line in lines]).tolist() == np.argsort(ends).tolist()
    assert [f"{value * 100:.3f} %" in parsed.seen for value in RECORD.deciles if value is not None] == [True] * 10
    assert "forecast -0.0450, came -0.0200" in parsed.seen
    assert "5 more features hold the other 20.0%." in parsed.seen


def test_a_tenth_that_nobody_measured_has_no_bar(tmp_path: Path) -> None:
    record = msgspec.structs.replace(RECORD, deciles=(None, math.nan, 0.0125), importance={})
    _, parsed = page(tmp_path, record)
    assert parsed.tags.count("rect") == 1
    assert "1.250 %" in parsed.seen


def test_a_record_without_extras_still_draws(tmp_path: Path) -> None:
    few = {name: one for name, one in judgements(5, 1).items() if name == "model"}
    record = msgspec.structs.replace(
        made_record(few | {"ridge": JUDGED["ridge"]}),
        paths=(),
        deciles=(0.0,) * 10,
        calibration=(),
        importance={},
        folds=(),
        trained={},
    )
    text, parsed = page(tmp_path, record)
    assert parsed.seen.count("Not measured.") == 2
    assert "nan" not in text
