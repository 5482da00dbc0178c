"""REST: the scan itself, in every form, and one line for what cannot be."""

from __future__ import annotations

import datetime as dt
import io
import json
from typing import Any

import polars as pl
import pytest
from starlette.testclient import TestClient

import tapescan
from tapescan.api.resident import Asked, Resident
from tapescan.core.results import plain
from tapescan.interfaces.web.forms import safe_texts
from tapescan.market.calendar import previous_session
from tapescan.simulation.market import SimulatedMarket

API = "/api/v1"
ASKED = {
    "where": "rsi_14 < 60",
    "features": ["rsi_14", "ema_20", "jump = open / close[1] - 1"],
    "rank_by": "rsi_14 asc",
}


def whole(simulated: SimulatedMarket) -> pl.DataFrame:
    return tapescan.scan_market(
        simulated, where="rsi_14 < 60", features=ASKED["features"], rank_by="rsi_14 asc", models=False
    ).ranked


def read(form: str, content: bytes) -> pl.DataFrame:
    match form:
        case "arrow":
            return pl.read_ipc_stream(io.BytesIO(content))
        case "parquet":
            return pl.read_parquet(io.BytesIO(content))
        case "csv":
            return pl.read_csv(io.BytesIO(content), infer_schema_length=None)
    raise AssertionError(form)


@pytest.mark.parametrize("form", ["arrow", "parquet"])
def test_a_table_has_the_bytes_of_the_scan(client: TestClient, simulated: SimulatedMarket, form: str) -> None:
    answer = client.get(f"{API}/scan", params={**ASKED, "top": 1000, "format": form})
    assert answer.status_code == 200
    assert read(form, answer.content).equals(whole(simulated))
    assert int(answer.headers["x-total-count"]) == len(whole(simulated))


def test_json_has_the_values_of_the_scan(client: TestClient, simulated: SimulatedMarket) -> None:
    told = client.get(f"{API}/scan", params={**ASKED, "top": 7}).json()
    result = tapescan.scan_market(
        simulated, where="rsi_14 < 60", features=ASKED["features"], rank_by="rsi_14 asc", models=False
    )
    wanted = plain(result.to_dict(7))
    assert told["rows"] == json.loads(json.dumps(wanted["rows"], default=str))
    assert (told["total"], told["shown"]) == (result.coverage.ranked, 7)
    assert told["coverage"] == wanted["coverage"]
    assert told["provenance"]["data"] == json.loads(json.dumps(wanted["provenance"]["data"], default=str))


def test_csv_has_the_rows_of_the_scan(client: TestClient, simulated: SimulatedMarket) -> None:
    answer = client.get(
        f"{API}/scan", params={**ASKED, "columns": "symbol,rsi_14,jump"}, headers={"accept": "text/csv"}
    )
    assert answer.headers["content-type"].startswith("text/csv")
    found = read("csv", answer.content)
    wanted = whole(simulated).head(50)
    assert found["symbol"].to_list() == wanted["symbol"].to_list()
    assert found["rsi_14"].to_list() == wanted["rsi_14"].to_list()


def test_a_spreadsheet_has_the_rows_shown(client: TestClient, simulated: SimulatedMarket) -> None:
    answer = client.get(f"{API}/scan", params={**ASKED, "format": "xlsx", "top": 5})
    assert answer.status_code == 200
    found = pl.read_excel(io.BytesIO(answer.content))
    assert found["symbol"].to_list() == whole(simulated)["symbol"].head(5).to_list()


def test_texts_that_a_spreadsheet_would_run_are_texts() -> None:
    frame = pl.DataFrame({"name": ["=1+1", "+A1", "-2", "@SUM(A1)", "\tx", "Apple", None], "close": [1.0] * 7})
    found = safe_texts(frame)
    assert found["name"].to_list() == ["'=1+1", "'+A1", "'-2", "'@SUM(A1)", "'\tx", "Apple", None]
    assert found["close"].equals(frame["close"])


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/json", "application/json"),
        ("application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.stream"),
        ("text/csv;q=0.5, application/json;q=0.4", "text/csv"),
        ("text/html, */*;q=0.1", "application/json"),
        ("application/vnd.apache.parquet;q=1.0, */*;q=nonsense", "application/vnd.apache.parquet"),
    ],
)
def test_a_caller_says_which_form_it_takes(client: TestClient, accept: str, kind: str) -> None:
    answer = client.get(f"{API}/scan", params={"top": 1}, headers={"accept": accept})
    assert answer.headers["content-type"].startswith(kind)


def test_who_has_the_bytes_is_told_so(client: TestClient) -> None:
    first = client.get(f"{API}/scan", params={"top": 3})
    again = {"if-none-match": first.headers["etag"]}
    assert client.get(f"{API}/scan", params={"top": 3}, headers=again).status_code == 304
    assert client.get(f"{API}/scan", params={"top": 4}, headers=again).status_code == 200
    assert client.get(f"{API}/scan", params={"top": 3, "where": "close > 1"}, headers=again).status_code == 200
    assert client.get(f"{API}/scan", params={"top": 3, "format": "csv"}, headers=again).status_code == 200
    assert first.json() == client.get(f"{API}/scan", params={"top": 3}).json()


def test_every_reason_opens_its_symbols(client: TestClient) -> None:
    coverage = client.get(f"{API}/scan", params={"top": 1}).json()["coverage"]
    assert coverage["dropped"]
    for reason, count in coverage["dropped"].items():
        told = client.get(f"{API}/scan", params={"dropped": reason, "columns": "symbol,close", "top": 20_000}).json()
        assert (told["total"], len(told["rows"])) == (count, count)
    answer = client.get(f"{API}/scan", params={"dropped": "ilquid"})
    assert answer.status_code == 422
    assert "illiquid" in answer.json()["detail"]


def test_bars_end_with_the_values_of_the_scan(client: TestClient) -> None:
    names = ["rsi_14", "ema_20", "natr_14"]
    rows = client.get(f"{API}/scan", params={"features": names, "top": 5}).json()["rows"]
    for row in rows:
        bars = client.get(f"{API}/symbols/{row['symbol']}/bars", params={"columns": ",".join(names)}).json()["rows"]
        assert {name: bars[-1][name] for name in names} == {name: row[name] for name in names}
        assert bars[-1]["close"] == row["close"]
        assert len(bars) == 250


def test_bars_of_a_past_day_end_with_the_values_of_a_scan_as_of_it(client: TestClient) -> None:
    names = ["rsi_14", "sma_50", "natr_14", "obv"]
    day = dt.date.fromisoformat(client.get(f"{API}/overview").json()["as_of"])
    for _ in range(120):
        day = previous_session(day)
    told = client.get(f"{API}/scan", params={"as_of": str(day), "features": names, "top": 1000}).json()
    assert told["as_of"] == str(day)
    split = 0
    for row in told["rows"]:
        asked = {"as_of": str(day), "columns": ",".join(names), "sessions": "30"}
        answer = client.get(f"{API}/symbols/{row['symbol']}/bars", params=asked)
        bars = answer.json()["rows"]
        assert len(bars) == int(answer.headers["x-total-count"]) == 30
        last = {"session": str(day), **{name: row[name] for name in ("close", *names)}}
        assert {name: bars[-1][name] for name in last} == last
        # What was split since is in the shares of then.
        now = client.get(f"{API}/symbols/{row['symbol']}/bars", params={"sessions": 1000}).json()["rows"]
        split += [one["close"] for one in now if one["session"] == str(day)] != [row["close"]]
    assert split


def test_ranks_end_with_those_of_the_scan(client: TestClient) -> None:
    shown = client.get(f"{API}/scan", params={"profile": "short_swing", "top": 2}).json()
    row = shown["rows"][1]
    asked = {"profile": "short_swing", "sessions": "4"}
    answer = client.get(f"{API}/symbols/{row['symbol']}/ranks", params=asked)
    rows = answer.json()["rows"]
    assert list(rows[0]) == ["session", "symbol", "rank", "score", "ranked"]
    assert len(rows) == int(answer.headers["x-total-count"]) == 4
    assert rows[-1] == {"session": shown["as_of"], "symbol": row["symbol"], "rank": 2, "score": row["score"]} | {
        "ranked": shown["total"]
    }
    found = client.get(f"{API}/symbols/{row['symbol']}/ranks", params={**asked, "format": "parquet"})
    assert read("parquet", found.content)["score"].to_list() == [one["score"] for one in rows]


def test_a_symbol_is_explained(client: TestClient, resident: Resident) -> None:
    symbol = client.get(f"{API}/scan", params={"top": 1}).json()["rows"][0]["symbol"]
    told = client.get(f"{API}/symbols/{symbol}").json()
    assert told["symbol"] == symbol
    assert told["row"]["rank"] == 1
    assert sum(one["points"] or 0.0 for one in told["factors"]) == pytest.approx(told["row"]["score"])
    assert resident.explain(symbol).row["score"] == told["row"]["score"]


def test_what_can_be_asked_for_is_listed(client: TestClient) -> None:
    columns = client.get(f"{API}/columns").json()["columns"]
    assert {"rsi_14", "score", "sector", "vwap"} <= {one["name"] for one in columns}
    assert {"swing"} <= {one["name"] for one in client.get(f"{API}/profiles").json()["profiles"]}
    screens = client.get(f"{API}/screens").json()["screens"]
    answer = client.get(f"{API}/scan", params={"screens": screens[0]["name"], "top": 1})
    assert answer.status_code == 200
    assert client.get(f"{API}/functions").json()["functions"]


def test_a_screen_through_time(client: TestClient) -> None:
    told = client.get(f"{API}/plot", params={"where": "rsi_14 < 40", "horizon": 3}).json()
    last = client.get(f"{API}/scan", params={"where": "rsi_14 < 40", "top": 1}).json()["total"]
    assert told["rows"][-1]["matches"] == last
    assert told["rows"][-1]["forward"] is None
    assert any(row["forward"] is not None for row in told["rows"])


@pytest.mark.parametrize(
    ("path", "params", "status", "said"),
    [
        ("scan", {"where": "foo > 1"}, 422, "unknown name 'foo'"),
        ("scan", {"where": "rsi_14 <"}, 422, "where"),
        ("scan", {"where": "close > (SELECT 1)"}, 422, "where"),
        ("scan", {"where": "read_csv('/etc/passwd')"}, 422, "where"),
        ("scan", {"where": "(" * 300 + "1" + ")" * 300}, 422, "where"),
        ("scan", {"profile": "nope"}, 422, "unknown profile 'nope'"),
        ("scan", {"profile": "../../etc/passwd"}, 422, "is no name"),
        ("scan", {"profile": "x.toml"}, 422, "is no name"),
        ("scan", {"screens": "/srv/x.toml"}, 422, "is no name"),
        ("scan", {"screens": "nope"}, 422, "unknown screen"),
        ("scan", {"columns": "nope"}, 422, "no column 'nope'"),
        ("scan", {"format": "exe"}, 422, "format"),
        ("scan", {"top": "0"}, 422, "top"),
        ("scan", {"top": "6208561004829933488308224"}, 422, "top"),
        ("scan", {"as_of": "yesterday"}, 422, "as_of"),
        ("scan", {"as_of": "1990-01-01"}, 422, "as_of"),
        ("scan", {"where": "x" * 5000}, 422, "where"),
        ("symbols/NOPE", {}, 404, "no symbol 'NOPE'"),
        ("symbols/NOPE/bars", {}, 404, "no symbol 'NOPE'"),
        ("symbols/%00/bars", {}, 422, "no symbol"),
        ("symbols/NOPE/bars", {"as_of": "2025-06-02"}, 404, "no bars of 'NOPE'"),
        ("symbols/NOPE/bars", {"as_of": "1990-01-01"}, 422, "as_of"),
        ("symbols/%00/bars", {"as_of": "2025-06-02"}, 422, "no symbol"),
        ("symbols/NOPE/ranks", {}, 404, "no symbol 'NOPE'"),
        ("jobs/7", {}, 404, "no job 7"),
        ("jobs/x", {}, 422, "number"),
        ("nowhere", {}, 404, ""),
        ("plot", {"where": "zscore(ret_5) > 1"}, 422, "across the market"),
    ],
)
def test_what_cannot_be_is_one_line(
    client: TestClient, path: str, params: dict[str, str], status: int, said: str
) -> None:
    answer = client.get(f"{API}/{path}", params=params)
    told: dict[str, Any] = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert told["status"] == status
    assert said in told["detail"]
    assert "\n" not in told["detail"]
    assert "/root" not in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("path", "name", "hint"),
    [
        ("scan?wher=rsi_14<3", "wher", "where"),
        ("scan?top=3&sorted=1", "sorted", "one of"),
        ("symbols/AAPL/bars?features=rsi_14", "features", "columns"),
        ("breadth?sessions=2", "sessions", "one of"),
        ("columns?x=1", "x", "leave it out"),
        ("jobs?state=done", "state", "leave it out"),
    ],
)
def test_a_parameter_that_is_not_there_is_refused(client: TestClient, path: str, name: str, hint: str) -> None:
    answer = client.get(f"{API}/{path}")
    assert answer.status_code == 422
    told = answer.json()
    assert repr(name) in told["detail"]
    assert hint in told["detail"]
    assert "\n" not in told["detail"]


def test_a_form_that_nobody_has_is_refused(client: TestClient) -> None:
    answer = client.get(f"{API}/scan", headers={"accept": "image/png"})
    assert answer.status_code == 406


def test_a_past_session_is_scanned_as_it_was(client: TestClient, simulated: SimulatedMarket) -> None:
    days = simulated.bars["session"].unique().sort()
    told = client.get(f"{API}/scan", params={"as_of": str(days[-30]), "top": 4}).json()
    wanted = tapescan.scan_market(simulated, as_of=days[-30], models=False)
    assert told["as_of"] == str(days[-30])
    assert [row["symbol"] for row in told["rows"]] == wanted.symbols[:4]


def test_a_resident_market_gives_who_asks_again_the_same(resident: Resident) -> None:
    asked = Asked(where="rsi_14 < 50")
    assert resident.scan(asked) is resident.scan(Asked(where="rsi_14 < 50"))


def test_closes_of_several_symbols_come_together(client: TestClient, resident: Resident) -> None:
    some = resident.scan().ranked["symbol"].head(3).to_list()
    told = client.get(f"{API}/closes", params={"symbols": ",".join([*some, "NOBODY"]), "sessions": 20}).json()[
        "closes"
    ]
    assert list(told) == some
    for symbol in some:
        assert told[symbol] == resident.bars(symbol, (), 20)["close"].to_list()


def test_chosen_columns_have_a_name_of_their_own(client: TestClient) -> None:
    asked = {"top": "3", "columns": "symbol,close"}
    first = client.get(f"{API}/scan", params=asked)
    again = {"if-none-match": first.headers["etag"]}
    assert client.get(f"{API}/scan", params=asked, headers=again).status_code == 304
    assert client.get(f"{API}/scan", params={**asked, "columns": "symbol,score"}, headers=again).status_code == 200


@pytest.mark.parametrize("name", ["columns", "features", "screens", "where", "rank_by", "profile", "as_of"])
def test_what_a_form_leaves_empty_is_as_if_it_was_not_there(client: TestClient, name: str) -> None:
    answer = client.get(f"{API}/scan?top=2&{name}=")
    assert answer.status_code == 200
    assert answer.json() == client.get(f"{API}/scan?top=2").json()


def test_options_are_told(client: TestClient, resident: Resident) -> None:
    symbol = resident.scan().ranked["symbol"][0]
    told = client.get(f"{API}/symbols/{symbol}/options").json()
    assert told["symbol"] == symbol
    assert told["expiries"]
    assert {"strike", "side", "iv"} <= set(told["contracts"][0])


def test_answers_are_packed_for_other_machines_alone(app: object, client: TestClient) -> None:
    del client  # the application runs
    sizes = {}
    for who in ("127.0.0.1", "192.0.2.7"):
        caller = TestClient(app, base_url="http://localhost:8000", client=(who, 50000))  # type: ignore[arg-type]
        headers = {"authorization": "Bearer 0123456789abcdef-token", "accept-encoding": "gzip"}
        answer = caller.get(f"{API}/columns", headers=headers)
        sizes[who] = (answer.headers.get("content-encoding"), int(answer.headers["content-length"]))
    assert sizes["127.0.0.1"][0] is None
    assert sizes["192.0.2.7"][0] == "gzip"
    assert sizes["192.0.2.7"][1] < sizes["127.0.0.1"][1] / 3
