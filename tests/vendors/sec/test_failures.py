"""What goes wrong with EDGAR: no address, a block, half an archive, another company's document."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest

from tapescan.core.errors import OptionError, VendorError
from tapescan.network.limits import Pace
from tapescan.tables.registry import schema_of
from tapescan.vendors.seam import Ask, Call
from tapescan.vendors.sec.vendor import CONTACT, Sec
from tests.fakes import FakeMarket, FakeServer
from tests.vendors.conftest import fetch as fetch_with
from tests.vendors.conftest import problems, rows
from tests.vendors.sec.asking import ARCHIVE, KEYS, ask, cik, companies_of, fetch, quick


def failure(wanted: Ask, server: FakeServer, keys: Mapping[str, str] | None = None) -> VendorError:
    with pytest.raises(VendorError) as caught:
        fetch(wanted, server, keys)
    time.sleep(0.1)  # for the fake to take up the connections that were given up as they were opened
    return caught.value


def some_company(market: FakeMarket) -> tuple[str, ...]:
    return (cik(companies_of(market, "plain")[0]),)


def test_without_an_address_the_sec_does_not_answer_and_is_not_asked_again(market: FakeMarket) -> None:
    with quick(market) as server:
        error = failure(ask(companies=some_company(market)), server, keys={})
        assert len(server.requests) == 1
    assert (error.reason, error.fatal) == ("bad_key", True)
    assert CONTACT in str(error)


@pytest.mark.parametrize("contact", ["nobody", "a b@", "x@example.com\nX-Evil: 1"])
def test_an_address_that_is_none_is_refused_before_anything_is_sent(contact: str) -> None:
    with pytest.raises(OptionError, match=CONTACT):
        Sec().headers({CONTACT: contact})


def test_the_address_is_what_the_sec_sees(market: FakeMarket) -> None:
    with quick(market) as server:
        fetch(ask(companies=some_company(market)), server)
        assert server.requests[0].headers["user-agent"] == "tapescan someone@example.com"


@pytest.mark.parametrize("status", [429, 403])
def test_a_block_ends_the_sync_at_once(market: FakeMarket, status: int) -> None:
    companies = tuple(cik(company) for company in companies_of(market, "plain")[:3])
    with quick(market) as server:
        server.misbehave("status", path="companyfacts", times=None, code=status)
        error = failure(ask(companies=companies), server)
        assert len(server.requests) == 1
    assert (error.reason, error.fatal) == ("throttled", True)
    assert "ten minutes" in str(error)


def test_at_the_permitted_rate_nothing_is_refused(market: FakeMarket) -> None:
    with FakeServer("sec", market) as server:  # with its limit and its block
        batches, link = fetch_with(Sec(), periods_of_one_quarter(), server.url, keys=KEYS, pace=Pace(10, 1.0))
        assert set(server.statuses()) <= {200, 404}
    assert link.traffic.throttled == 0
    assert rows(batches, "facts").height


def periods_of_one_quarter() -> Call:
    return Sec().calls(ask(via="frames"))[0]


def test_a_company_without_statements_is_told_and_not_an_error(market: FakeMarket) -> None:
    with quick(market) as server:
        batches = fetch(ask(companies=("0009999999",)), server)
        zipped = fetch(ask(companies=("0009999999", *some_company(market)), via="zip"), server)
    assert [(p.reason, p.symbol) for p in problems(batches)] == [("unknown_company", "0009999999")]
    assert [batch.rows.schema for batch in batches] == [pl.Schema(schema_of("facts"))]
    assert [(p.reason, p.symbol) for p in problems(zipped)] == [("unknown_company", "0009999999")]
    assert set(rows(zipped, "facts")["company"]) == set(some_company(market))


@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize(
    ("kind", "reasons"),
    [
        ("bad_json", {"bad_reply"}),
        ("wrong_type", {"bad_reply"}),
        ("error_200", {"bad_reply"}),
        ("cut_gzip", {"truncated", "unreachable"}),
        ("reset", {"unreachable"}),
        ("stall", {"unreachable"}),
        ("redirect", {"bad_reply"}),
        ("status", {"server_error"}),
    ],
)
@pytest.mark.parametrize("via", ["facts", "frames"])
def test_a_broken_answer_brings_nothing(market: FakeMarket, kind: str, reasons: set[str], via: str) -> None:
    wanted = Sec().calls(ask(companies=some_company(market), via=via))[0]
    with quick(market) as server:
        server.misbehave(kind, path="/api/xbrl/", times=None)
        with pytest.raises(VendorError) as caught:
            fetch_with(Sec(), wanted, server.url, keys=KEYS)
        time.sleep(0.1)  # for the fake to take up the connections that were given up as they were opened
    assert caught.value.reason in reasons


@pytest.mark.parametrize("kind", ["bad_json", "wrong_type", "error_200"])
def test_half_an_archive_is_refused_and_leaves_no_file(
    market: FakeMarket, kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with quick(market) as server:
        server.misbehave(kind, path=ARCHIVE, times=None)
        error = failure(ask(via="zip"), server)
    assert error.reason == "truncated"
    assert not list(tmp_path.iterdir())


def test_a_frame_with_fewer_values_than_it_counts_is_refused(market: FakeMarket) -> None:
    with quick(market) as server:
        server.misbehave("truncate_rows", path="Assets/USD/CY2026Q3I", times=None)
        error = failure(ask(via="frames"), server)
    assert error.reason == "truncated"
    assert "Assets" in str(error)


def test_another_companys_document_is_refused(market: FakeMarket, monkeypatch: pytest.MonkeyPatch) -> None:
    first, other = companies_of(market, "plain")[:2]
    with quick(market) as server:
        monkeypatch.setattr(server.vendor, "market", market)
        statements = market.statements
        monkeypatch.setitem(statements.companies, first.cik, other)
        error = failure(ask(companies=(cik(first),)), server)
    assert error.reason == "bad_reply"
    assert f"company {other.cik}" in str(error)
