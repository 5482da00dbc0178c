"""Files of rules: what they may say, and each way in which they can be wrong, one line each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tapescan.alerts.checking import check_rules
from tapescan.alerts.rules import address_variable, read_rules, rule_files
from tapescan.core.errors import InputError, TapescanError

GOOD = '[[alert]]\nname = "good"\non = "condition"\nwhere = "rsi_2 < 10"\n'


def written(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_shipped_rules_can_be_used() -> None:
    names = [path.stem for path in rule_files()]
    assert names == ["breakout", "feed", "pullback"]
    for name in names:
        assert check_rules(read_rules(name))
        assert all(not rule.to for rule in read_rules(name)), "an example cannot know an address"


def test_a_folder_is_read_whole_and_a_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = written(tmp_path, GOOD + GOOD.replace("good", "better"))
    written(tmp_path, GOOD.replace("good", "best"), "other.toml")
    assert [rule.name for rule in read_rules(tmp_path)] == ["good", "better", "best"]
    assert [rule.name for rule in read_rules(one)] == ["good", "better"]
    assert {rule.file for rule in read_rules(one)} == {str(one)}
    monkeypatch.setenv("TAPESCAN_ALERTS", str(tmp_path))
    assert len(read_rules(True)) == 3
    assert len(read_rules("other")) == 1
    assert len(read_rules("pullback")) == 2


WRONG = {
    "not toml": ("[[alert", "correct the TOML"),
    "another table": ('[alert]\nname = "x"\n', "write [[alert]] above each rule"),
    "no rule": ("", "write [[alert]] above each rule"),
    "a field that is none": (GOOD + 'wher = "close > 1"\n', "rule good: wher: there is no such field"),
    "its file": (GOOD + 'file = "x"\n', "rule good: file: there is no such field"),
    "no name": (GOOD.replace('name = "good"\n', ""), "rule 1: "),
    "a name with spaces": (GOOD.replace('"good"', '"a b"'), "rule 1: name: it is no name"),
    "a name that ends in a line": (GOOD.replace('"good"', '"good\\n"'), "rule 1: name: it is no name"),
    "a kind that is none": (GOOD.replace('"condition"', '"moon"'), "rule good: on: Invalid enum value 'moon'"),
    "no condition": (GOOD.replace('"rsi_2 < 10"', '" "'), "rule good: where: a rule on condition needs one"),
    "a wrong name in it": (GOOD.replace("rsi_2", "rsj_2"), "rule good: where: unknown name 'rsj_2' at character 1"),
    "no condition at all": (GOOD.replace("rsi_2 < 10", "rsi_2"), "rule good: where: 'rsi_2' is a number"),
    "a wrong end": (GOOD + 'until = "rsi_2 >"\n', "rule good: until: "),
    "a screen that is none": (
        '[[alert]]\nname = "good"\non = "screen"\nscreen = "golden-crss"\n',
        "rule good: screen: unknown screen 'golden-crss'; did you mean golden-cross",
    ),
    "a field of another kind": (GOOD + "lag = 3.0\n", "rule good: lag: it says nothing of a rule on condition"),
    "when of another kind": (GOOD + 'when = "stop"\n', "rule good: when: 'stop'; write both, enter, leave"),
    "a column that is none": (GOOD + 'columns = ["rsj_2"]\n', "rule good: columns: unknown name 'rsj_2'"),
    "a column that comes too late": (GOOD.replace("rsi_2 <", "rank <"), "rule good: where: rank is not known before"),
    "a symbol that is none": (GOOD + 'symbols = ["A B;C!"]\n', "rule good: symbols: "),
    "a list that is none": (GOOD + 'symbols = "list:nowhere"\n', "rule good: symbols: there is no list 'nowhere'"),
    "no symbol": (GOOD + 'symbols = ","\n', "rule good: symbols: there is none"),
    "cool-down without again": (GOOD + "cooldown = 5\n", "rule good: cooldown: it is sent once a session"),
    "too short a cool-down": (GOOD + "again = true\ncooldown = 0\n", "rule good: cooldown: Expected `int` >= 1"),
    "a cap of nothing": (GOOD + "most = 0\n", "rule good: most: Expected `int` >= 1"),
    "hours that are none": (GOOD + 'quiet = ["22-7"]\n', "rule good: quiet: '22-7' is no span of hours"),
    "hours after 24": (GOOD + 'quiet = ["22:00-24:30"]\n', "rule good: quiet: '22:00-24:30' is no span of hours"),
    "hours of no length": (GOOD + 'quiet = ["07:00-07:00"]\n', "rule good: quiet: "),
    "a zone that is none": (GOOD + 'zone = "Europe/Berln"\n', "rule good: zone: unknown time zone 'Europe/Berln'"),
    "a zone outside": (GOOD + 'zone = "../../etc/passwd"\n', "rule good: zone: unknown time zone"),
    "an address for a name": (GOOD + 'to = ["https://x.org/y"]\n', "rule good: to[0]: it is no name"),
    "what a terminal obeys": (GOOD + 'title = "\\u001b[2J"\n', "rule good: title: it holds signs"),
    "one name twice": (GOOD + GOOD, "rule good; it has one of that name already"),
    "a plan of nobody": ('[[alert]]\nname = "good"\non = "plan"\n', "rule good: of: whose plans"),
    "a plan of no rule": (
        '[[alert]]\nname = "other"\non = "plan"\nof = "god"\n' + GOOD,
        "rule other: of: there is no such rule 'god'; did you mean good",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_rule_is_one_line_that_names_file_rule_and_field(name: str, tmp_path: Path) -> None:
    text, said = WRONG[name]
    path = written(tmp_path, text)
    with pytest.raises(TapescanError) as caught:
        check_rules(read_rules(path))
    line = str(caught.value)
    assert isinstance(caught.value, InputError)
    assert "\n" not in line
    assert str(path) in line
    assert said in line
    assert caught.value.field == "alerts"


@pytest.mark.parametrize("wanted", ["pulback", "nowhere.toml", True])
def test_rules_that_are_not_there(wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAPESCAN_ALERTS", raising=False)
    with pytest.raises(InputError) as caught:
        read_rules(wanted)
    assert caught.value.hint


def test_a_changed_condition_is_another_and_a_changed_title_is_not(tmp_path: Path) -> None:
    def digest(text: str) -> str:
        return check_rules(read_rules(written(tmp_path, text)))[0].digest

    assert digest(GOOD) == digest(GOOD + 'title = "x"\nto = ["me"]\nmost = 9\n')
    assert len({digest(GOOD), digest(GOOD.replace("10", "11")), digest(GOOD + 'until = "rsi_2 > 50"\n')}) == 3


def test_the_variable_of_an_address() -> None:
    assert address_variable("my-phone") == "TAPESCAN_ALERT_MY_PHONE"
