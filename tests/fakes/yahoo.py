"""Yahoo's chart endpoint, and the cookie and crumb requests that yfinance makes before it.

Serve everything under one base address: ``/`` stands for the host of the cookie.
"""
# ruff: noqa: ARG002 (all handlers have one form)

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import numpy as np

from tests.fakes.listing import Security, spelled
from tests.fakes.market import FakeMarket
from tests.fakes.reply import Asked, Reply, Vendor, json_reply

__all__ = ["CRUMB", "Yahoo"]

NEW_YORK = ZoneInfo("America/New_York")
CRUMB = "fake.Crumb1"
_COOKIE = "A3=d=fake&S=fake; Expires=Wed, 20 Nov 2030 00:00:00 GMT; Path=/; HttpOnly"
_PRICES = ("open", "high", "low", "close")
_EXCHANGES = {"XNAS": "NMS", "XNYS": "NYQ", "XASE": "ASE", "ARCX": "PCX", "BATS": "BTS", "OTC": "PNK"}
_RANGES = {"1d": 1, "5d": 7, "1mo": 31, "3mo": 92, "6mo": 183, "1y": 366, "2y": 731, "5y": 1827, "10y": 3653}


class Yahoo(Vendor):
    """Paths of sections 3.1, 3.2 and 3.4. Prices are on the share basis of the newest visible day, as float32."""

    name: ClassVar[str] = "yahoo"

    def __init__(self, market: FakeMarket, plan: str = "paid") -> None:
        super().__init__(market, plan)
        self._symbols = {spelled(symbol, "yahoo"): symbol for symbol in market.symbols}
        self.route(r"/v8/finance/chart/(?P<ticker>[^/]+)", self.chart)
        self.route(r"/v1/test/getcrumb", self.crumb)
        self.route(r"/v7/finance/quote|/v7/finance/options/.*|/v10/finance/quoteSummary/.*", self.with_crumb)
        self.route(r"/consent|/copyConsent|/v2/collectConsent", self.consent)
        self.route(r"/", self.cookie)

    def error(self, asked: Asked, status: int) -> Reply:
        if status == 429:
            return Reply(429, b"Too Many Requests\r\n", "text/plain")
        if status == 401:
            return _finance_error(401, "Unauthorized", "Invalid Crumb")
        if status == 404:
            return _chart_error(404, "Not Found", "No data found, symbol may be delisted")
        return Reply(status, b"<html><body>Will be right back...</body></html>", "text/html")

    # --- cookie and crumb -----------------------------------------------------------------------------

    def cookie(self, asked: Asked) -> Reply:
        """The cookie's host says 404 and sets the cookie all the same."""
        return Reply(404, b"<html></html>", "text/html", {"Set-Cookie": _COOKIE})

    def crumb(self, asked: Asked) -> Reply:
        """Without the cookie the crumb is empty text with 401 (what else is said there is not documented)."""
        if "A3=" not in asked.headers.get("cookie", ""):
            return self.error(asked, 401)
        return Reply(200, CRUMB.encode(), "text/plain")

    def consent(self, asked: Asked) -> Reply:
        form = (
            '<html><form><input type="hidden" name="csrfToken" value="fake"><input type="hidden" name="sessionId"'
            ' value="fake"></form></html>'
        )
        return Reply(200, form.encode(), "text/html", {"Set-Cookie": _COOKIE})

    def with_crumb(self, asked: Asked) -> Reply:
        if asked.query.get("crumb") != CRUMB:
            return self.error(asked, 401)
        return json_reply({"quoteResponse": {"result": [], "error": None}})

    # --- chart ----------------------------------------------------------------------------------------

    def chart(self, asked: Asked, ticker: str) -> Reply:
        """Daily bars, or minutes of a session that is played; a symbol without a bar in the range has its `meta`, no
        `timestamp` and an empty quote."""
        if self.playing is not None and asked.query.get("interval") == "1m":
            return self._minutes(asked, ticker)
        symbol = self._symbols.get(ticker)
        if symbol is None:
            return self.error(asked, 404)
        security = self.market.listing[self.market.place[symbol]]
        if asked.query.get("interval", "1d") != "1d":
            return _chart_error(422, "Unprocessable Entity", "Only daily bars are served here")
        since, until = self._range(asked)
        bars = [bar for bar in self._bars(symbol, asked) if since <= bar["at"] < until]
        if not bars and security.delisted and "range" in asked.query:
            return self.error(asked, 404)
        result: dict[str, Any] = {"meta": self._meta(security, asked), "indicators": {"quote": [{}]}}
        if bars:
            result["timestamp"] = [bar["at"] for bar in bars]
            if events := self._events(symbol, since, until):
                result["events"] = events
            names = ("open", "high", "low", "close", "volume")
            result["indicators"] = {
                "quote": [{name: [bar[name] for bar in bars] for name in names}],
                "adjclose": [{"adjclose": [bar["adjclose"] for bar in bars]}],
            }
        return json_reply({"chart": {"result": [result], "error": None}}, rows="columns:chart")

    def _minutes(self, asked: Asked, ticker: str) -> Reply:
        """Also what came after the range; at last a live quote, or the auction once the session is over."""
        if ticker not in self.playing.by_symbol:
            return self.error(asked, 404)
        since, _ = self._range(asked)
        rows = self.playing.minutes(ticker, since, 1e11)
        if rows:
            over = self.playing.seconds() >= self.playing.end * 60.0
            at = self.playing.moment(self.playing.end) if over else asked.now
            rows.append({**dict.fromkeys(_PRICES, rows[-1]["close"]), "volume": 0.0, "at": at})
        shift = 86_400 if "wrong_date" in asked.flags else 0
        spelled_as = "OTHER" if "wrong_symbol" in asked.flags else ticker
        result: dict[str, Any] = {
            "meta": {"currency": "USD", "symbol": spelled_as, "dataGranularity": "1m", "range": ""},
            "indicators": {"quote": [{}]},
        }
        if rows:
            result["timestamp"] = [round(row["at"]) - shift for row in rows]
            quote = {name: [_single(row[name]) for row in rows] for name in _PRICES}
            result["indicators"]["quote"] = [{**quote, "volume": [round(row["volume"]) for row in rows]}]
        return json_reply({"chart": {"result": [result], "error": None}}, rows="columns:chart")

    def _range(self, asked: Asked) -> tuple[float, float]:
        if "period1" in asked.query:
            return float(asked.query["period1"]), float(asked.query.get("period2", asked.now))
        days = _RANGES.get(asked.query.get("range", "1mo"), 40_000)
        end = dt.datetime.combine(self.market.visible_until, dt.time(23), NEW_YORK)
        return (end - dt.timedelta(days=days)).timestamp(), end.timestamp()

    def _bars(self, symbol: str, asked: Asked) -> list[dict[str, Any]]:
        """Split-adjusted, volume too. A session without a trade between two with trades is a row of nulls."""
        history = {bar["session"]: bar for bar in self.market.history(symbol).iter_rows(named=True)}
        if not history:
            return []
        paid = self._dividend_factors(symbol, history)
        found = []
        for session in self.market.sessions:
            if not min(history) <= session <= max(history):
                continue
            shown = session - dt.timedelta(days=1) if "wrong_date" in asked.flags else session
            at = round(dt.datetime.combine(shown, dt.time(9, 30), NEW_YORK).timestamp())
            bar = history.get(session)
            if bar is None:
                names = ("open", "high", "low", "close", "volume", "adjclose")
                found.append({"at": at, **dict.fromkeys(names)})
                continue
            factor = self.market.factor(symbol, session)
            row = {name: _single(bar[name] * factor) for name in _PRICES}
            row["volume"] = round(bar["volume"] / factor)
            row["adjclose"] = _single(bar["close"] * factor * paid[session])
            found.append({"at": at, **row})
        return found

    def _dividend_factors(self, symbol: str, history: dict[dt.date, Any]) -> dict[dt.date, float]:
        factors = dict.fromkeys(history, 1.0)
        for paid in self.market.dividends:
            before = self.market.close_before(symbol, paid.ex_date) if paid.symbol == symbol else None
            if before and paid.ex_date <= self.market.visible_until:
                for session in factors:
                    if session < paid.ex_date:
                        factors[session] *= 1.0 - paid.amount / before
        return factors

    def _events(self, symbol: str, since: float, until: float) -> dict[str, Any]:
        """Amounts are on the share basis of the newest day, as the prices are."""
        found: dict[str, Any] = {}
        for paid in self.market.dividends:
            at = _opening(paid.ex_date)
            if paid.symbol == symbol and since <= at < until:
                factor = self.market.factor(symbol, paid.ex_date)
                entry = found.setdefault("dividends", {}).setdefault(str(at), {"amount": 0.0, "date": at})
                entry["amount"] = round(entry["amount"] + paid.amount * factor, 6)
        for split in self.market.splits:
            at = _opening(split.ex_date)
            if split.symbol == symbol and since <= at < until and split.ex_date <= self.market.visible_until:
                found.setdefault("splits", {})[str(at)] = {
                    "date": at, "numerator": float(split.new), "denominator": float(split.old),
                    "splitRatio": f"{split.new}:{split.old}",
                }  # fmt: skip
        return found

    def _meta(self, security: Security, asked: Asked) -> dict[str, Any]:
        day = self.market.visible_until
        opened = _opening(day)
        offset = round(dt.datetime.fromtimestamp(opened, NEW_YORK).utcoffset().total_seconds())  # type: ignore[union-attr]
        hours = {
            "timezone": "EST" if offset == -18_000 else "EDT",
            "start": opened,
            "end": opened + 23_400,
            "gmtoffset": offset,
        }
        history = self.market.history(security.symbol)
        traded = _opening(history["session"][-1]) + 23_400 if len(history) else None  # its own newest trade
        price = float(history["close"][-1]) if len(history) else None
        return {
            "currency": "USD",
            "symbol": spelled(security.symbol, "yahoo"),
            "exchangeName": _EXCHANGES[security.exchange],
            "instrumentType": "ETF" if security.type == "ETF" else "EQUITY",
            "firstTradeDate": _opening(self.market.sessions[security.first]),
            "regularMarketTime": traded,
            "gmtoffset": offset,
            "timezone": hours["timezone"],
            "exchangeTimezoneName": "America/New_York",
            "regularMarketPrice": price,
            "chartPreviousClose": price,
            "priceHint": 2,
            "currentTradingPeriod": {"pre": hours, "regular": hours, "post": hours},
            "dataGranularity": "1d",
            "range": asked.query.get("range", ""),
            "validRanges": [*_RANGES, "ytd", "max"],
        }


def _opening(day: dt.date) -> int:
    """The opening of a session, UNIX seconds."""
    return round(dt.datetime.combine(day, dt.time(9, 30), NEW_YORK).timestamp())


def _single(price: float) -> float:
    """A price as this vendor keeps it: single precision, printed as double."""
    return float(np.float32(price))


def _chart_error(status: int, code: str, description: str) -> Reply:
    return json_reply({"chart": {"result": None, "error": {"code": code, "description": description}}}, status)


def _finance_error(status: int, code: str, description: str) -> Reply:
    return json_reply({"finance": {"result": None, "error": {"code": code, "description": description}}}, status)


FAKE = Yahoo
