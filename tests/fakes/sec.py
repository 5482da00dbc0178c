"""SEC EDGAR: ticker maps, company facts one by one and as the nightly archive, concepts, frames, submissions.

Its rules are enforced by default: an e-mail address in the User-Agent, ten requests a second, and a block after that.
"""
# ruff: noqa: ARG002 (all handlers have one form)

from __future__ import annotations

import array
import datetime as dt
import io
import re
import time
import zipfile
from typing import ClassVar

import msgspec
import polars as pl

from tests.fakes.listing import spelled
from tests.fakes.market import FakeMarket
from tests.fakes.reply import Asked, Reply, Vendor, json_reply
from tests.fakes.sec_facts import FrameKey, company_facts, frame_facts
from tests.fakes.statements import Company, Filing, Statements

__all__ = ["Sec"]

_EXCHANGES = {"XNAS": "Nasdaq", "XNYS": "NYSE", "XASE": "NYSE", "ARCX": "NYSE", "BATS": "CBOE", "OTC": "OTC"}
#: Path part -> unit inside the documents.
_UNITS = {"USD": "USD", "shares": "shares", "USD-per-shares": "USD/shares", "EUR": "EUR", "CAD": "CAD"}

_UNDECLARED = "Your Request Originates from an Undeclared Automated Tool"
_TOO_FAST = "Request Rate Threshold Exceeded"


class Sec(Vendor):
    """Paths of section 7.

    block_seconds : how long a client that was too fast is shut out; each further request begins it anew.
    """

    name: ClassVar[str] = "sec"
    default_limit: ClassVar[tuple[int, float]] = (10, 1.0)

    def __init__(self, market: FakeMarket, plan: str = "paid") -> None:
        super().__init__(market, plan)
        self.block_seconds = 600.0
        self._blocked_until = 0.0
        cik = r"CIK(?P<cik>\d{10})"
        self.route(r"/files/company_tickers\.json", self.tickers)
        self.route(r"/files/company_tickers_exchange\.json", self.tickers_exchange)
        self.route(rf"/submissions/{cik}\.json", self.submissions)
        self.route(rf"/api/xbrl/companyfacts/{cik}\.json", self.facts)
        self.route(rf"/api/xbrl/companyconcept/{cik}/(?P<taxonomy>[^/]+)/(?P<tag>[^/]+)\.json", self.concept)
        self.route(
            r"/api/xbrl/frames/(?P<taxonomy>[^/]+)/(?P<tag>[^/]+)/(?P<unit>[^/]+)/(?P<period>[^/]+)\.json",
            self.frames,
        )
        self.route(r"/Archives/edgar/daily-index/xbrl/companyfacts\.zip", self.archive)

    # --- rules ----------------------------------------------------------------------------------------

    def refused(self, asked: Asked) -> Reply | None:
        agent = asked.headers.get("user-agent", "")
        return None if re.search(r"[^@\s]+@[^@\s]+\.[a-z]+", agent) else _page(403, _UNDECLARED)

    def blocked(self, asked: Asked) -> Reply | None:
        now = time.monotonic()
        if now >= self._blocked_until:
            return None
        self._blocked_until = now + self.block_seconds
        return _page(403, _TOO_FAST)

    def throttled(self, asked: Asked, limit: tuple[int, float], wait: float) -> Reply:
        self._blocked_until = time.monotonic() + self.block_seconds
        return _page(429, _TOO_FAST)

    def error(self, asked: Asked, status: int) -> Reply:
        if status == 404:  # what the files' server says of a key that is not there
            body = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code></Error>'
            return Reply(404, body, "application/xml")
        return _page(status, {403: _TOO_FAST, 429: _TOO_FAST}.get(status, "Service Unavailable"))

    # --- who files ------------------------------------------------------------------------------------

    def _listed(self) -> list[tuple[int, str, str, str]]:
        """cik, name, ticker, exchange; warrants and units too, each under its company."""
        return [
            (row.cik, row.name, spelled(row.symbol, "sec"), _EXCHANGES[row.exchange])
            for row in self.market.listing
            if row.cik is not None and not row.delisted
        ]

    def tickers(self, asked: Asked) -> Reply:
        rows = {
            str(number): {"cik_str": cik, "ticker": ticker, "title": name}
            for number, (cik, name, ticker, _) in enumerate(self._listed())
        }
        return json_reply(rows)

    def tickers_exchange(self, asked: Asked) -> Reply:
        rows = [[cik, name, ticker, exchange] for cik, name, ticker, exchange in self._listed()]
        return json_reply({"fields": ["cik", "name", "ticker", "exchange"], "data": rows})

    def submissions(self, asked: Asked, cik: str) -> Reply:
        company = self.market.statements.companies.get(int(cik))
        if company is None:
            return self.error(asked, 404)
        mine = [row for row in self._listed() if row[0] == company.cik]
        filings = list(reversed(self.market.statements.filings(company)))
        recent = {
            "accessionNumber": [filing.accession for filing in filings],
            "filingDate": [filing.filed.isoformat() for filing in filings],
            "reportDate": [filing.end.isoformat() for filing in filings],
            "acceptanceDateTime": [f"{filing.filed.isoformat()}T21:05:00.000Z" for filing in filings],
            "form": [filing.form for filing in filings],
        }
        year_end = {12: "1231", 9: "0926", 1: "0131"}[company.year_end]
        document = {
            "cik": cik, "sic": "3571", "sicDescription": "Electronic Computers", "name": company.name,
            "tickers": [row[2] for row in mine], "exchanges": [row[3] for row in mine], "fiscalYearEnd": year_end,
            "filings": {"recent": recent, "files": []},
        }  # fmt: skip
        return json_reply(document)

    # --- what they filed ------------------------------------------------------------------------------

    def facts(self, asked: Asked, cik: str) -> Reply:
        company = self.market.statements.companies.get(int(cik))
        if company is None:  # funds and unknown filers alike
            return self.error(asked, 404)
        return json_reply(company_facts(self.market.statements, company))

    def concept(self, asked: Asked, cik: str, taxonomy: str, tag: str) -> Reply:
        company = self.market.statements.companies.get(int(cik))
        found = (
            None
            if company is None
            else company_facts(self.market.statements, company)["facts"].get(taxonomy, {}).get(tag)
        )
        if company is None or found is None:
            return self.error(asked, 404)
        return json_reply({"cik": company.cik, "taxonomy": taxonomy, "tag": tag, "entityName": company.name, **found})

    def frames(self, asked: Asked, taxonomy: str, tag: str, unit: str, period: str) -> Reply:
        if unit not in _UNITS:
            return self.error(asked, 404)
        key = (taxonomy, tag, _UNITS[unit], period)
        table = self._frames().get(key)
        if table is None:
            return self.error(asked, 404)

        def make() -> Reply:
            rows = table.rows(self.market.statements)
            document = {
                "taxonomy": taxonomy, "tag": tag, "ccp": period, "uom": _UNITS[unit], "label": tag,
                "description": f"{tag}, in words.", "pts": len(table.ciks),
            }  # fmt: skip
            head = msgspec.json.encode(document)[:-1]
            return Reply(200, head + b',"data":' + rows + b"}", rows="json:data")

        return self.kept((key, self.market.visible_until), make)

    def _frames(self) -> dict[FrameKey, _Frame]:
        """All frames, made together, once for all servers of a market."""
        statements, day = self.market.statements, self.market.visible_until
        if day not in statements.frames:
            made: dict[FrameKey, _Frame] = {}
            for company in statements.companies.values():
                for key, fact in frame_facts(statements, company).items():
                    made.setdefault(key, _Frame()).add(company, *fact)
            statements.frames = {day: made}
        found: dict[FrameKey, _Frame] = statements.frames[day]
        return found

    def archive(self, asked: Asked) -> Reply:
        """All companies' facts in one archive, one file a company; funds are not in it."""

        def make() -> Reply:
            file = io.BytesIO()
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                for company in self.market.statements.companies.values():
                    body = msgspec.json.encode(company_facts(self.market.statements, company))
                    archive.writestr(f"CIK{company.cik:010d}.json", body)
            return Reply(200, file.getvalue(), "application/zip")

        return self.kept(("archive", self.market.visible_until), make)

    def begin(self) -> None:
        if len(self.market.symbols) <= 500:  # a quarter of a second, which the first request need not wait for
            self._frames()

    def prepare(self) -> None:
        self._frames()


class _Frame:
    """The facts of one frame, closely packed: a large market has millions of them."""

    def __init__(self) -> None:
        self.ciks, self.values = array.array("q"), array.array("d")
        self.starts, self.ends, self.filings, self.years = (array.array("i") for _ in range(4))

    def add(self, company: Company, filing: Filing, start: dt.date | None, end: dt.date, value: float) -> None:
        self.ciks.append(company.cik)
        self.values.append(value)
        self.starts.append(0 if start is None else start.toordinal())
        self.ends.append(end.toordinal())
        self.filings.append(int(filing.accession[-6:]))
        self.years.append(filing.filed.year % 100)

    def rows(self, statements: Statements) -> bytes:
        """As the vendor shows them, a list in JSON: without when and in what they were filed."""
        names = [statements.companies[cik].name for cik in self.ciks]
        number = pl.col("filing").cast(pl.String).str.zfill(6)
        table = pl.DataFrame(
            {
                "cik": pl.Series(self.ciks, dtype=pl.Int64),
                "entityName": names,
                "start": pl.Series(self.starts, dtype=pl.Int32) - _EPOCH,
                "end": pl.Series(self.ends, dtype=pl.Int32) - _EPOCH,
                "val": pl.Series(self.values, dtype=pl.Float64),
                "filing": pl.Series(self.filings, dtype=pl.Int32),
                "year": pl.Series(self.years, dtype=pl.Int32),
            }
        )
        whole = bool((table["val"] == table["val"].round()).all())
        cik, year = pl.col("cik").cast(pl.String).str.zfill(10), pl.col("year").cast(pl.String).str.zfill(2)
        shown = table.select(
            pl.concat_str(cik, year, number, separator="-").alias("accn"),
            "cik",
            "entityName",
            pl.lit("US-CA").alias("loc"),
            pl.col("start", "end").cast(pl.Date),
            pl.col("val").cast(pl.Int64 if whole else pl.Float64),
        )
        return shown.drop([] if self.starts[0] else ["start"]).write_json().encode()


#: The ordinal of 1970-01-01, from which dates are counted in a table.
_EPOCH = dt.date(1970, 1, 1).toordinal()


def _page(status: int, title: str) -> Reply:
    body = (
        f"<!DOCTYPE html><html><head><title>SEC.gov | {title}</title></head><body><h1>{title}</h1>"
        "<p>Please declare your traffic by updating your user agent to include company specific information.</p>"
        "</body></html>"
    )
    return Reply(status, body.encode(), "text/html")


FAKE = Sec
