"""Text of others: what a terminal obeys and nobody sees comes neither in nor out; a spreadsheet computes nothing."""

from __future__ import annotations

import json

import polars as pl
import pytest

from tapescan.core.text import as_cells, ascii_json, clean_text, printable, shown_lines

#: ESC, bell, C1's CSI, bidirectional marks, a zero-width space, a tag, line separators.
UNSEEN = (
    "\x1b",
    "\x07",
    "\x9b",
    "\x7f",
    "\u202e",
    "\u2066",
    "\u200b",
    "\U000e0041",
    "\u2028",
    "\n",
    "\r",
    "\t",
    "\x00",
)


@pytest.mark.parametrize("mark", UNSEEN)
def test_what_nobody_sees_is_a_blank(mark: str) -> None:
    text = f"{mark}Acme{mark}{mark}Inc{mark}"
    assert clean_text(pl.Series([text, None, "Acme"])).to_list() == ["Acme Inc", None, "Acme"]
    assert printable(text) == "Acme Inc"


def test_names_of_all_tongues_stay() -> None:
    names = ["Nestlé S.A.", "L'Oréal", "AT&T Inc.", "株式会社", "Ørsted A/S", "7-Eleven", "Yum! Brands"]
    assert clean_text(pl.Series(names)).to_list() == names
    assert [printable(name) for name in names] == names


def test_an_endless_text_ends() -> None:
    assert clean_text(pl.Series(["x" * 5000]))[0] == "x" * 500
    assert len(printable("x" * 5000)) == 1000


def test_lines_of_our_own_stay_in_a_terminal() -> None:
    assert shown_lines("one\n\ttwo\x1b[31m\u202ethree") == "one\n\ttwo [31m three"


def test_json_says_the_same_in_characters_that_are_seen() -> None:
    said = {"name": "A\x9bB\u202eC\U000e0041 株"}
    text = ascii_json(json.dumps(said, ensure_ascii=False))
    assert json.loads(text) == said
    assert text == '{"name": "A\\u009bB\\u202eC\\udb40\\udc41 株"}'


@pytest.mark.parametrize(
    "text", ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", " =1", "\t=1", "\r=1", "\uff1d1", "-"]
)
def test_a_formula_is_text_in_a_spreadsheet(text: str) -> None:
    cell = as_cells(pl.DataFrame({"name": [text]}))["name"][0]
    assert cell == "'" + text.strip()


def test_numbers_and_other_texts_are_as_they_are() -> None:
    frame = pl.DataFrame({"symbol": ["BRK.B", "^GSPC"], "name": ["Acme = Inc", None], "change": [-1.5, 2.0]})
    assert as_cells(frame).equals(frame)
    assert as_cells(pl.DataFrame({"said": ["-1.5", "+2e3"]}))["said"].to_list() == ["-1.5", "+2e3"]
