"""Massive (formerly Polygon): prices; the rest is in `massive_reference`, `massive_statements`, `massive_files`."""

from __future__ import annotations

import base64
import datetime as dt
import re
from functools import partial
from typing import Any, ClassVar
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec
import polars as pl

from tests.fakes import massive_files, massive_options, massive_reference, massive_statements, massive_stream
from tests.fakes.chains import FakeChains
from tests.fakes.listing import spelled
from tests.fakes.market import FakeMarket, identifier
from tests.fakes.reply import KEY, Asked, Reply, Vendor, json_reply

__all__ = ["Massive"]

NEW_YORK = ZoneInfo("America/New_York")
_UPGRADE = "Please upgrade your plan at the vendor's pricing page"
#: Status -> the words of the body. Bodies of 5xx are not documented; these are plain ones.
_ERRORS = {
    400: {"status": "ERROR", "error": "The parameters of the request are not valid"},
    401: {"status": "ERROR", "error": "API Key was not provided"},
    403: {"status": "NOT_AUTHORIZED", "message": f"You are not entitled to this data. {_UPGRADE}"},
    404: {"status": "NOT_FOUND", "message": "Ticker not found."},
    429: {
        "status": "ERROR",
        "error": "You've exceeded the maximum requests per minute, please wait or upgrade your subscription to"
        " continue.",
    },
}


class Massive(Vendor):
    """Paths of sections 1.1 to 1.5 and 1.7.

    The free plan lacks snapshots, flat files, what is older than two years, and today until the day is over.
    """

    name: ClassVar[str] = "massive"

    def __init__(self, market: FakeMarket, plan: str = "paid") -> None:
        super().__init__(market, plan)
        self.chains = FakeChains(market)
        #: Most contracts of a page of chains.
        self.page_rows = 250
        stocks = "/v2/snapshot/locale/us/markets/stocks/tickers"
        self.route(r"/v2/aggs/grouped/locale/us/market/stocks/(?P<date>[^/]+)", self.grouped)
        self.route(
            r"/v2/aggs/ticker/(?P<ticker>[^/]+)/range/(?P<count>\d+)/(?P<span>[a-z]+)/(?P<start>[^/]+)/(?P<until>[^/]+)",
            self.aggregates,
        )
        self.route(stocks, self.snapshot)
        massive_reference.add_routes(self)
        massive_statements.add_routes(self)
        massive_files.add_routes(self)
        massive_options.add_routes(self)

    # --- who asks -------------------------------------------------------------------------------------

    def refused(self, asked: Asked) -> Reply | None:
        if asked.path.startswith("/flatfiles/"):
            return massive_files.refused(self, asked)
        given = asked.headers.get("authorization", "").removeprefix("Bearer ") or asked.query.get("apiKey", "")
        if given == KEY:
            return None
        if not given:
            return self.error(asked, 401)
        return self._error(asked, 401, {"status": "ERROR", "error": "Unknown API Key"})

    def error(self, asked: Asked, status: int) -> Reply:
        return self._error(asked, status, _ERRORS.get(status, {"status": "ERROR", "error": "Internal server error"}))

    def _error(self, asked: Asked, status: int, words: dict[str, str]) -> Reply:
        if asked.path.startswith("/flatfiles/"):
            return massive_files.error(asked, status)
        return json_reply({**words, "request_id": identifier(asked.path, asked.now)}, status)

    # --- bars -----------------------------------------------------------------------------------------

    def grouped(self, asked: Asked, date: str) -> Reply:
        day = _date(date)
        if day is None:
            return self.error(asked, 400)
        if self.plan == "free":
            today = dt.datetime.fromtimestamp(asked.now, NEW_YORK).date()
            why = "Attempted to request today's data before end of day" if day == today else ""
            if day < today - dt.timedelta(days=730):
                why = "Your plan doesn't include this data timeframe"
            if why:
                return self._error(asked, 403, {"status": "NOT_AUTHORIZED", "message": f"{why}. {_UPGRADE}"})
        adjusted = asked.query.get("adjusted", "true") == "true"
        otc = asked.query.get("include_otc", "false") == "true"
        if "wrong_date" in asked.flags and (row := self.market.row(day)):
            other = self.market.sessions[row - 1]
            return self._grouped(other, adjusted, otc, day if asked.flags["wrong_date"].get("relabel") else other)
        if "adjusted_anyway" in asked.flags:
            return self._grouped(day, True, otc, day, says=not asked.flags["adjusted_anyway"].get("silent"))
        key = (
            "grouped",
            day,
            adjusted,
            otc,
            self.market.visible_until if adjusted or not self.market.row(day) else None,
        )
        return self.kept(key, lambda: self._grouped(day, adjusted, otc, day))

    def _grouped(self, day: dt.date, adjusted: bool, otc: bool, label: dt.date, says: bool | None = None) -> Reply:
        document = {"queryCount": 0, "resultsCount": 0, "adjusted": adjusted if says is None else says}
        tail = {"status": "OK", "request_id": identifier("grouped", day, adjusted)}
        if self.market.row(day) is None:
            return json_reply({**document, **tail})  # a holiday: a good answer without `results`
        closed = round(dt.datetime.combine(label, dt.time(16), NEW_YORK).timestamp() * 1000)
        frame = self.with_tickers(self.market.bars(day, adjusted), otc)
        document["queryCount"] = document["resultsCount"] = len(frame)
        rows = _rows_as_json(frame, closed)
        head = msgspec.json.encode({**document, **tail})[:-1]
        return Reply(200, head + b',"results":[' + rows + b"]}", rows="json:results")

    def with_tickers(self, bars: pl.DataFrame, otc: bool) -> pl.DataFrame:
        return bars.join(self._tickers(), on="symbol", maintain_order="left").filter(pl.lit(otc) | ~pl.col("otc"))

    def _tickers(self) -> pl.DataFrame:
        if not hasattr(self, "_ticker_frame"):
            listing = self.market.listing
            self._ticker_frame = pl.DataFrame(
                {
                    "symbol": [row.symbol for row in listing],
                    "T": [spelled(row.symbol, "massive") for row in listing],
                    "otc": [row.exchange == "OTC" for row in listing],
                }
            )
        return self._ticker_frame

    def aggregates(self, asked: Asked, ticker: str, count: str, span: str, start: str, until: str) -> Reply:
        """Daily bars of one ticker, and minutes of a session that is played; other spans have no data here. An
        unknown ticker is an answer without results."""
        if self.playing is not None and (count, span) == ("1", "minute"):
            found = massive_stream.minute_rows(self.playing, ticker, int(start), int(until))
            return json_reply({"ticker": ticker, "resultsCount": len(found), "status": "OK", "results": found})
        first, last, limit = _date(start), _date(until), asked.number("limit", 5000)
        if first is None or last is None or not 0 < limit <= 50_000:
            return self.error(asked, 400)
        adjusted = asked.query.get("adjusted", "true") == "true" or "adjusted_anyway" in asked.flags
        symbol = self.symbol_of(ticker)
        rows = [] if symbol is None or (count, span) != ("1", "day") else self._daily(symbol, adjusted, first, last)
        if asked.query.get("sort") == "desc":
            rows.reverse()
        offset = asked.number("cursor", 0)
        page = rows[offset : offset + limit]
        document: dict[str, Any] = {
            "ticker": ticker, "queryCount": len(page), "resultsCount": len(page), "adjusted": adjusted,
            "status": "OK", "request_id": identifier(asked.path), "count": len(page),
        }  # fmt: skip
        if page:
            document["results"] = page
        if offset + limit < len(rows):
            query = "&".join(
                f"{name}={value}" for name, value in asked.query.items() if name not in ("cursor", "apiKey")
            )
            document["next_url"] = f"{asked.base}{quote(asked.path)}?cursor={offset + limit}" + (
                f"&{query}" if query else ""
            )
        return json_reply(document, rows="json:results")

    def _daily(self, symbol: str, adjusted: bool, first: dt.date, last: dt.date) -> list[dict[str, Any]]:
        found = []
        for bar in self.market.history(symbol).iter_rows(named=True):
            if not first <= bar["session"] <= last:
                continue
            factor = self.market.factor(symbol, bar["session"]) if adjusted else 1.0
            began = round(dt.datetime.combine(bar["session"], dt.time(), NEW_YORK).timestamp() * 1000)
            found.append(
                {
                    "v": round(bar["volume"] / factor, 6), "vw": round(bar["vw"] * factor, 4),
                    "o": round(bar["open"] * factor, 4), "c": round(bar["close"] * factor, 4),
                    "h": round(bar["high"] * factor, 4), "l": round(bar["low"] * factor, 4),
                    "t": began, "n": bar["n"],
                }
            )  # fmt: skip
        return found

    # --- snapshot -------------------------------------------------------------------------------------

    def snapshot(self, asked: Asked) -> Reply:
        """The newest visible session as today, the one before as yesterday; ``before_open`` has zeros for today."""
        if self.plan == "free":
            return self.error(asked, 403)
        if self.playing is not None:
            states = massive_stream.snapshot_rows(self.playing)
            return json_reply({"count": len(states), "status": "OK", "tickers": states})
        wanted = set(asked.query["tickers"].split(",")) if asked.query.get("tickers") else None
        otc = asked.query.get("include_otc", "false") == "true"
        day = self.market.visible_until
        row = self.market.row(day)
        assert row is not None
        yesterday = self.with_tickers(self.market.bars(self.market.sessions[row - 1]), otc)
        today = self.with_tickers(self.market.bars(day), otc)
        both = today.join(yesterday, on="T", how="left", suffix="_before", maintain_order="left")
        at = round(dt.datetime.combine(day, dt.time(16), NEW_YORK).timestamp())
        rows = [
            _snapshot_row(bar, at, before_open="before_open" in asked.flags)
            for bar in both.iter_rows(named=True)
            if wanted is None or bar["T"] in wanted
        ]
        return json_reply({"count": len(rows), "status": "OK", "tickers": rows}, rows="json:tickers")

    # --- what the other files use ---------------------------------------------------------------------

    def symbol_of(self, ticker: str) -> str | None:
        """Our symbol of a ticker in this vendor's spelling (letter case counts); None when unknown."""
        if not hasattr(self, "_symbols"):
            self._symbols = {spelled(symbol, "massive"): symbol for symbol in self.market.symbols}
        return self._symbols.get(ticker)

    def tickers_of(self, cik: int) -> list[str]:
        """The tickers of a company's shares."""
        if not hasattr(self, "_by_cik"):
            self._by_cik: dict[int, list[str]] = {}
            for row in self.market.listing:
                if row.cik is not None and row.type in ("CS", "ADRC"):
                    self._by_cik.setdefault(row.cik, []).append(spelled(row.symbol, "massive"))
        return self._by_cik[cik]

    def page(
        self, asked: Asked, rows: list[dict[str, Any]], default: int, most: int, request_id: str | int | None = None
    ) -> Reply:
        """One page of a list; the next one's address is absolute, holds the whole query in its cursor, and no key."""
        limit, offset = asked.number("limit", default), asked.number("offset", 0)
        if not 0 < limit <= most:  # what the vendor answers to a limit above its maximum is not documented
            return self.error(asked, 400)
        found = rows[offset : offset + limit]
        document: dict[str, Any] = {
            "results": found,
            "status": "OK",
            "request_id": identifier(asked.path, offset) if request_id is None else request_id,
        }
        if asked.path.startswith("/v3/"):
            document["count"] = len(found)
        if offset + limit < len(rows):
            document["next_url"] = self.next_page(asked, offset + limit)
        return json_reply(document, rows="json:results")

    def next_page(self, asked: Asked, offset: int) -> str:
        base = asked.flags.get("foreign_page", {}).get("to", asked.base)
        return f"{base}{asked.path}?cursor={_cursor(asked, offset)}"

    def unfolded(self, asked: Asked) -> Asked:
        """The request whose query is inside a cursor."""
        text = asked.query.get("cursor")
        if text:
            asked.query = msgspec.json.decode(base64.urlsafe_b64decode(text))
        return asked

    def looped(self, asked: Asked, document: dict[str, Any]) -> dict[str, Any]:
        cursor = _cursor(asked, asked.number("offset", 0))
        return {**document, "next_url": f"{asked.base}{asked.path}?cursor={cursor}"}

    def prepare(self) -> None:
        for day in self.market.sessions:
            self.kept(("grouped", day, False, False, None), partial(self._grouped, day, False, False, day))


def _cursor(asked: Asked, offset: int) -> str:
    query = {**{name: value for name, value in asked.query.items() if name != "apiKey"}, "offset": str(offset)}
    return base64.urlsafe_b64encode(msgspec.json.encode(query)).decode()


def _date(text: str) -> dt.date | None:
    """A date, or milliseconds since 1970."""
    if re.fullmatch(r"\d{10,14}", text):
        return dt.datetime.fromtimestamp(int(text) / 1000, NEW_YORK).date()
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _rows_as_json(bars: pl.DataFrame, closed: int) -> bytes:
    """The rows of a grouped answer, written by columns: 12,000 in milliseconds. n and vw are left out when null."""

    def pair(name: str, column: str, kind: pl.DataType | None = None) -> pl.Expr:
        value = pl.col(column) if kind is None else pl.col(column).cast(kind)
        return pl.concat_str(pl.lit(f',"{name}":'), value.cast(pl.String)).fill_null("")

    volume = pl.col("volume")
    whole = (
        pl.when(volume == volume.round())
        .then(volume.cast(pl.Int64).cast(pl.String))
        .otherwise(volume.cast(pl.String))
    )
    row = pl.concat_str(
        pl.lit('{"T":"'), pl.col("T"), pl.lit('"'),
        pair("c", "close"), pair("h", "high"), pair("l", "low"), pair("n", "n"), pair("o", "open"),
        pl.lit(f',"t":{closed},"v":'), whole, pair("vw", "vw"),
        pl.when(pl.col("otc")).then(pl.lit(',"otc":true}')).otherwise(pl.lit("}")),
    )  # fmt: skip
    text: str = bars.select(row.str.join(",")).item()
    return text.encode()


def _snapshot_row(bar: dict[str, Any], at: int, *, before_open: bool) -> dict[str, Any]:
    def group(end: str) -> dict[str, Any]:
        names = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume", "vw": "vw"}
        return {short: bar[name + end] or 0 for short, name in names.items()}

    before = group("_before")
    row: dict[str, Any] = {"ticker": bar["T"], "prevDay": before}
    if before_open:
        zeros = dict.fromkeys(("o", "h", "l", "c", "v", "vw"), 0)
        return {
            **row,
            "todaysChange": 0,
            "todaysChangePerc": 0,
            "updated": 0,
            "day": zeros,
            "min": {**zeros, "av": 0, "n": 0, "t": 0},
        }
    today = group("")
    change = round(today["c"] - before["c"], 4) if before["c"] else 0
    price, nanoseconds = today["c"], (at - 1) * 1_000_000_000 + 600
    return {
        **row,
        "todaysChange": change,
        "todaysChangePerc": round(100 * change / before["c"], 4) if before["c"] else 0,
        "updated": nanoseconds,
        "day": today,
        "min": {
            "av": today["v"],
            "o": price,
            "h": price,
            "l": price,
            "c": price,
            "n": 1,
            "t": at * 1000 - 60_000,
            "v": 100,
            "vw": price,
        },
        "lastQuote": {
            "P": round(price + 0.01, 4),
            "S": 3,
            "p": round(max(price - 0.01, 0.0001), 4),
            "s": 2,
            "t": nanoseconds,
        },
        "lastTrade": {"c": [14, 41], "i": "71675577320245", "p": price, "s": 100, "t": nanoseconds, "x": 4},
    }


FAKE = Massive
