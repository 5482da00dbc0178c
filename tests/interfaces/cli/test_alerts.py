"""`tapescan alerts`: from a rule to a message that came, its log, and a replay."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path

import polars as pl
import pytest

import tapescan as package
from tapescan.api.live import follow_market
from tapescan.live.simulated import SimulatedFeed
from tapescan.market.quality import BAR_COLUMNS, check_bars
from tapescan.simulation.market import simulate
from tests.alerts.receiver import SECRET, Receiver
from tests.commands import Run, one_line, run, tapescan

RULES = """
[[alert]]
name = "up"
on = "condition"
where = "pct(ret_1) > 70"
most = 3
to = ["mine"]

[[alert]]
name = "night"
on = "condition"
where = "pct(ret_1) < 20"
quiet = ["00:00-12:00", "12:00-00:00"]
to = ["mine"]
"""


def asked(*words: str, **variables: str) -> Run:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("TAPESCAN_ALERT")}
    return run("alerts", *words, variables=kept | variables | {"COLUMNS": "200"})


def test_from_a_rule_to_a_message_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = simulate(symbols=60, sessions=260, seed=3)
    bars = check_bars(drawn.bars)[0].select(BAR_COLUMNS)
    session: dt.date = bars["session"].max()  # type: ignore[assignment]
    store, file = tmp_path / "store", tmp_path / "rules.toml"
    package.import_bars(bars.filter(pl.col("session") < session), store=str(store))
    package.import_bars(drawn.listing, store=str(store))
    file.write_text(RULES)
    said = one_line(asked("check", str(file), TAPESCAN_KEYS=str(tmp_path / "keys")))
    assert "there is no address 'mine'; set TAPESCAN_ALERT_MINE" in said
    assert asked("log", "--store", str(store)).stdout == "no alert was ever made\n"
    with Receiver() as receiver:
        mine = {"TAPESCAN_ALERT_MINE": receiver.url, "TAPESCAN_ALERT_MINE_SECRET": SECRET}
        assert asked("check", str(file), **mine).stdout == "2 rules can be used: up, night\n"
        assert asked("test", str(file), **mine).stdout == "mine: came (HTTP 200)\n"
        assert receiver.got[0]["title"] == "A test of tapescan's alerts"
        receiver.answers = [500]
        assert "mine: no test message came" in asked("test", str(file), **mine).stderr
        receiver.taken.clear()
        for name, text in mine.items():
            monkeypatch.setenv(name, text)
        feed = SimulatedFeed(bars.filter(pl.col("session") == session), 0.0)
        for _ in follow_market(str(store), source=feed, times=4, alerts=file):
            pass
        came = {*receiver.taken}
    rows = [json.loads(line) for line in asked("log", "--store", str(store), "--json").stdout.splitlines()]
    assert {row["id"] for row in rows if row["state"] == "sent"} == came
    assert {row["state"] for row in rows} == {"sent", "quiet"}
    assert len(came) == 4, "three, and one that says that no more come"
    assert "SIMULATED" in asked("log", "--store", str(store)).stdout
    replayed = asked("replay", str(session), str(file), "--store", str(store), "--json").stdout.splitlines()
    assert [json.loads(line)["id"] for line in replayed] == [row["id"] for row in reversed(rows)]


def test_the_shipped_rules_are_listed(tmp_path: Path) -> None:
    found = tapescan("alerts", "list", "--json", cwd=tmp_path)
    assert {rule["name"] for rule in json.loads(found.stdout)} == {
        "breakout",
        "feed-stale",
        "pullback",
        "pullback-plan",
    }
    assert "pullback in a rising share" in tapescan("alerts", "list", cwd=tmp_path, width=200).stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Missing command"),
        (("check", "pulback"), "did you mean pullback?"),
        (("test", "pullback"), "no rule names an address"),
        (("check",), "there are no rules of your own"),
        (("log", "--store", "nowhere"), "there is no store at nowhere"),
        (("replay", "2025-07-09", "pullback", "--store", "nowhere"), "there is no store at nowhere"),
        (("replay", "yesterday", "pullback", "--store", "nowhere"), "yesterday"),
    ],
)
def test_bad_input_is_one_line(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    assert said in one_line(tapescan("alerts", *words, cwd=tmp_path))
