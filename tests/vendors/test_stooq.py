"""Stooq's download: a zip or a folder, whole and damaged."""

from __future__ import annotations

import datetime as dt
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tapescan.core.errors import OptionError, VendorError
from tapescan.market.spelling import normal_spelling
from tapescan.vendors.seam import Ask
from tapescan.vendors.stooq import vendor as stooq
from tapescan.vendors.stooq.vendor import Stooq, to_vendor
from tests.fakes import spelled
from tests.vendors.conftest import fetch, problems, rows

HEADER = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>"
DAYS = tuple(dt.date(2026, 11, day) for day in (16, 17, 18, 19, 20))
FOLDERS = {
    "AAPL.US": "nasdaq stocks/1",
    "BRK-B.US": "nyse stocks/2",
    "KIM_L.US": "nyse stocks/2",
    "SPY.US": "nyse etfs",
}


def line(ticker: str, day: dt.date, close: float = 10.5, per: str = "D") -> str:
    return f"{ticker},{per},{day:%Y%m%d},000000,10,11,9,{close},1000.5,0"


def download(root: Path, files: dict[str, list[str]] | None = None) -> Path:
    """A folder as the zip unpacks to: symbols with five days, one that ended, one without rows, one empty file."""
    usual = {ticker: [line(ticker, day) for day in DAYS] for ticker in FOLDERS}
    usual["OLD.US"] = [line("OLD.US", DAYS[0])]
    usual["NONE.US"] = []
    for ticker, lines in (usual if files is None else files).items():
        place = root / "data/daily/us" / FOLDERS.get(ticker, "nyse stocks/1")
        place.mkdir(parents=True, exist_ok=True)
        text = "\r\n".join([HEADER, *lines]) + "\r\n"
        (place / f"{ticker.lower()}.txt").write_bytes(text.encode())
    if files is None:
        (place / "void.us.txt").write_bytes(b"")
    return root


def zipped(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*.txt")):
            archive.write(file, file.relative_to(folder))
    return path


def ask(path: Path | str, **changed: Any) -> Ask:
    now = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
    wanted: dict[str, Any] = {"sessions": DAYS, "via": str(path), **changed}
    return Ask("bars", Stooq.plans[0], now, DAYS[-1], **wanted)


@pytest.fixture(params=["zip", "folder"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = download(tmp_path / "stooq")
    return folder if request.param == "folder" else zipped(folder, tmp_path / "d_us_txt.zip")


def test_all_symbols_and_days(path: Path) -> None:
    batches, _ = fetch(Stooq(), ask(path), "")
    bars = rows(batches, "bars").sort("symbol", "session")
    whole = ["AAPL", "BRK.B", "KIM^L", "SPY"]
    expected = sorted([(symbol, day) for symbol in whole for day in DAYS] + [("OLD", DAYS[0])])
    assert list(bars.select("symbol", "session").rows()) == expected
    assert bars.row(0)[2:7] == (10.0, 11.0, 9.0, 10.5, 1000.5)
    assert problems(batches) == []  # nothing was named, so an empty file is nobody's missing


def test_prices_count_as_adjusted_through_the_newest_session_of_all_files(path: Path) -> None:
    batches, _ = fetch(Stooq(), ask(path, sessions=DAYS[:2]), "")
    bars = rows(batches, "bars")
    assert bars["session"].max() == DAYS[1]
    # OLD too: its prices were adjusted when the files were made, not when it last traded.
    assert bars["adjusted_to"].unique().to_list() == [DAYS[-1]]


def test_raw_when_told_so(path: Path) -> None:
    batches, _ = fetch(Stooq(), ask(f"{path}?adjusted=none"), "")
    assert rows(batches, "bars")["adjusted_to"].null_count() == len(rows(batches, "bars"))


def test_named_symbols_only_and_the_missing_ones_told(path: Path) -> None:
    wanted = ("BRK.B", "KIM^L", "NONE", "VOID", "OLD", "NOSUCH")
    batches, _ = fetch(Stooq(), ask(path, symbols=wanted, sessions=DAYS[1:]), "")
    assert sorted(rows(batches, "bars")["symbol"].unique()) == ["BRK.B", "KIM^L"]
    told = {problem.symbol: problem.reason for problem in problems(batches)}
    assert told == {"NONE": "no_trades", "VOID": "no_trades", "OLD": "no_trades", "NOSUCH": "unknown_symbol"}


def test_the_path_from_the_environment(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAPESCAN_STOOQ_PATH", str(path))
    assert len(rows(fetch(Stooq(), ask(""), "")[0], "bars")) == 21


def test_a_newer_download_is_another_call(tmp_path: Path) -> None:
    folder = download(tmp_path / "stooq")
    path = zipped(folder, tmp_path / "a.zip")
    (before,), (again,) = Stooq().calls(ask(path)), Stooq().calls(ask(path))
    assert before.key == again.key
    download(folder, {"NEW.US": [line("NEW.US", DAYS[-1])]})
    zipped(folder, path)
    (after,) = Stooq().calls(ask(path))
    assert after.key != before.key


def test_rows_that_are_no_daily_bars_are_left_out_and_named(tmp_path: Path) -> None:
    bad = [
        line("AAPL.US", DAYS[1], per="5"),
        "AAPL.US,D,2026111X,000000,1,1,1,1,1,0",
        "AAPL.US,D,20261118,000000,1,,1,1,1,0",
    ]
    folder = download(tmp_path, {"AAPL.US": [line("AAPL.US", DAYS[0]), *bad, line("AAPL.US", DAYS[4])]})
    batches, _ = fetch(Stooq(), ask(folder), "")
    assert rows(batches, "bars")["session"].to_list() == [DAYS[0], DAYS[4]]
    (problem,) = problems(batches)
    assert (problem.reason, problem.symbol) == ("refused_rows", "AAPL")
    assert problem.detail.startswith("3 rows")


def test_bad_prices_pass_for_the_store_to_judge(tmp_path: Path) -> None:
    folder = download(tmp_path, {"AAPL.US": [line("AAPL.US", DAYS[0], close=-1.0), line("AAPL.US", DAYS[1])]})
    assert rows(fetch(Stooq(), ask(folder), "")[0], "bars")["close"].to_list() == [-1.0, 10.5]


def test_a_file_of_another_kind_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    folder = download(tmp_path / "stooq")
    file = next(folder.rglob("aapl.us.txt"))
    file.write_text("Date,Open,High,Low,Close,Volume\n2026-11-20,1,1,1,1,1\n")
    batches, _ = fetch(Stooq(), ask(folder), "")
    assert "AAPL" not in rows(batches, "bars")["symbol"]
    assert len(rows(batches, "bars")) == 16
    (problem,) = problems(batches)
    assert (problem.reason, problem.symbol) == ("bad_reply", "AAPL")


def test_a_zip_cut_short_is_a_clear_error(tmp_path: Path) -> None:
    path = zipped(download(tmp_path / "stooq"), tmp_path / "a.zip")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(VendorError, match=r"a\.zip: cannot be read.*download it again") as caught:
        fetch(Stooq(), ask(path), "")
    assert caught.value.reason == "bad_reply"


def test_a_damaged_file_in_a_zip_is_named(tmp_path: Path) -> None:
    files = {"AAPL.US": [line("AAPL.US", day, close=float(n)) for n, day in enumerate(DAYS * 200)]}
    path = zipped(download(tmp_path / "stooq", files), tmp_path / "a.zip")
    body = bytearray(path.read_bytes())
    body[300:320] = b"\0" * 20
    path.write_bytes(body)
    with pytest.raises(VendorError, match=r"aapl\.us\.txt: cannot be read"):
        fetch(Stooq(), ask(path), "")


def test_batches_are_of_bounded_size(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = rows(fetch(Stooq(), ask(path), "")[0], "bars").sort("symbol", "session")
    monkeypatch.setattr(stooq, "_AT_ONCE", 100)  # bytes; less than five lines
    batches, _ = fetch(Stooq(), ask(path), "")
    assert len(batches) == 4
    assert all(len(batch.rows) <= 6 for batch in batches)
    assert rows(batches, "bars").sort("symbol", "session").equals(whole)


def test_spelling_there_and_back() -> None:
    ours = ["AAPL", "BRK.B", "KIM^L", "RAC.WS", "RAC.U", "NA"]
    theirs = [to_vendor(symbol) for symbol in ours]
    assert theirs == [spelled(symbol, "stooq") for symbol in ours]
    bare = pl.Series([name.removesuffix(".us").upper() for name in theirs])
    assert normal_spelling(bare).to_list() == ours


@pytest.mark.parametrize(
    ("given", "message"),
    [("", "TAPESCAN_STOOQ_PATH"), ("/no/such/place", "no such file"), ("/tmp?adjusted=maybe", "adjusted=none")],  # noqa: S108
)
def test_a_wrong_path_is_an_error_before_anything_is_read(
    given: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TAPESCAN_STOOQ_PATH", raising=False)
    with pytest.raises(OptionError, match=message):
        Stooq().calls(ask(given))


def test_files_without_a_daily_bar_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(VendorError) as caught:
        fetch(Stooq(), ask(download(tmp_path, {"AAPL.US": []})), "")
    assert caught.value.reason == "empty"
