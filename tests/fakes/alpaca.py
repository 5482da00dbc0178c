"""Alpaca: bars of many symbols, snapshots, assets, corporate actions, calendar. One server is both its hosts."""

from __future__ import annotations

import base64
import datetime as dt
import re
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from tests.fakes import alpaca_options, alpaca_stream
from tests.fakes.chains import FakeChains
from tests.fakes.listing import spelled
from tests.fakes.market import FakeMarket, identifier
from tests.fakes.reply import KEY, SECRET, Asked, Reply, Vendor, json_reply

__all__ = ["Alpaca"]

NEW_YORK = ZoneInfo("America/New_York")
Row = dict[str, Any]
_EXCHANGES = {"XNAS": "NASDAQ", "XNYS": "NYSE", "XASE": "AMEX", "ARCX": "ARCA", "BATS": "BATS", "OTC": "OTC"}
_ERRORS: dict[int, Row] = {
    400: {"code": 40010001, "message": "invalid request"},
    401: {"code": 40110000, "message": "request is not authorized"},
    403: {"message": "forbidden."},
    404: {"code": 40410000, "message": "endpoint not found"},
    422: {"code": 42210000, "message": "invalid parameter"},
    429: {"message": "too many requests."},
    500: {"code": 50010000, "message": "internal server error occurred"},
}
#: Longest query that is accepted; what the vendor's own bound is, is not documented.
LONGEST_QUERY = 12_000


class Alpaca(Vendor):
    """Paths of sections 2.1 to 2.3. The free plan (``plan="free"``) refuses the newest 15 minutes of the SIP feed.

    bad_key_status : 401, as the specification says, or 403, as the vendor's questions and answers say.
    """

    name: ClassVar[str] = "alpaca"

    def __init__(self, market: FakeMarket, plan: str = "paid") -> None:
        super().__init__(market, plan)
        self.chains = FakeChains(market)
        #: Most contracts of a page of chains, and who was asked for since when.
        self.page_rows = 1000
        self.since: list[str] = []
        self.bad_key_status = 401
        self._symbols = {spelled(symbol, "alpaca"): symbol for symbol in market.symbols}
        self._histories: dict[tuple[str, dt.date, int], list[Row]] = {}
        self.route(r"/v2/stocks/bars", self.bars)
        self.route(r"/v2/stocks/bars/latest", self.latest)
        self.route(r"/v2/stocks/snapshots", self.snapshots)
        self.route(r"/v2/assets", self.assets)
        self.route(r"/v1/corporate-actions", self.corporate_actions)
        self.route(r"/v2/calendar", self.calendar)
        self.route(r"/v2/clock", self.clock)
        alpaca_options.add_routes(self)

    # --- who asks -------------------------------------------------------------------------------------

    def refused(self, asked: Asked) -> Reply | None:
        given = (asked.headers.get("apca-api-key-id"), asked.headers.get("apca-api-secret-key"))
        if given == (KEY, SECRET):
            return None
        return self.error(asked, self.bad_key_status)

    def error(self, asked: Asked, status: int) -> Reply:
        return self._error(asked, status, _ERRORS.get(status, _ERRORS[500]))

    def _error(self, asked: Asked, status: int, words: dict[str, Any]) -> Reply:
        """Answers with 400 and 429 say what is left of the limit."""
        reply = json_reply(words, status)
        if status in (400, 429):
            limit, left = self.left()
            reply.headers.update(_rate_headers(limit, left, asked.now + 60))
        return reply

    def throttled(self, asked: Asked, limit: tuple[int, float], wait: float) -> Reply:
        reply = self.error(asked, 429)
        reply.headers.update(_rate_headers(limit[0], 0, asked.now + wait))
        return reply

    def looped(self, asked: Asked, document: dict[str, Any]) -> dict[str, Any]:
        return {**document, "next_page_token": asked.query.get("page_token") or _token("AAPL", dt.date(2026, 1, 2))}

    # --- bars -----------------------------------------------------------------------------------------

    def bars(self, asked: Asked) -> Reply:
        """Sorted by symbol, then time; ``limit`` counts points over all symbols: a symbol may straddle pages."""
        start, end = _moment(asked.query.get("start")), _moment(asked.query.get("end"))
        limit = asked.number("limit", 1000)
        wanted = [text for text in asked.query.get("symbols", "").split(",") if text]
        adjustment = asked.query.get("adjustment", "raw")
        bad = not wanted or not 0 < limit <= 10_000 or adjustment not in ("raw", "split", "dividend", "all")
        if len(asked.query.get("symbols", "")) > LONGEST_QUERY:
            return self.error(asked, 414)
        if bad or "bad" in (start, end):
            return self.error(asked, 400)
        for text in wanted:
            if not re.fullmatch(
                r"[A-Za-z0-9./]+", text
            ):  # one such symbol spoils the request; the words are not sure
                return self._error(asked, 400, {"message": f"invalid symbol: {text}"})
        now = dt.datetime.fromtimestamp(asked.now, dt.UTC)
        until = end if isinstance(end, dt.datetime) else now
        if self.plan == "free" and asked.query.get("feed", "sip") == "sip" and until > now - dt.timedelta(minutes=15):
            return json_reply({"message": "subscription does not permit querying recent SIP data"}, 403)
        # Without a start the vendor begins with today.
        since = start if isinstance(start, dt.datetime) else now.replace(hour=0, minute=0)
        if asked.query.get("timeframe") not in ("1Day", "1D"):
            rows: dict[str, list[Row]] = {}
            following: int | None = None
            if self.playing is not None and asked.query.get("timeframe") == "1Min":
                offset = asked.number("page_token", 0)
                rows, following = alpaca_stream.minute_rows(self.playing, wanted, since, until, offset, limit)
            return json_reply({"bars": rows, "next_page_token": following and str(following)})
        split = adjustment in ("split", "all") or "adjusted_anyway" in asked.flags
        after = _position(asked.query.get("page_token", "")) or ("", dt.date.min)
        points: list[tuple[str, dt.date, Row]] = []
        for text in sorted({text for text in wanted if text in self._symbols and text >= after[0]}):
            daily = self._daily(self._symbols[text], since, until, split, asked)
            points += [(text, session, row) for session, row in daily if (text, session) > after]
            if len(points) > limit:
                break
        found: dict[str, list[Row]] = {}
        for text, _, row in points[:limit]:
            found.setdefault(text, []).append(row)
        token = _token(*points[limit - 1][:2]) if len(points) > limit else None
        return json_reply({"bars": found, "next_page_token": token}, rows="json:bars.*")

    def _daily(
        self, symbol: str, since: dt.datetime, until: dt.datetime, split: bool, asked: Asked
    ) -> list[tuple[dt.date, Row]]:
        found = []
        for bar in self._history(symbol):
            began = dt.datetime.combine(bar["session"], dt.time(), NEW_YORK)
            if since <= began <= until:
                row = self._row(symbol, bar, split)
                if "wrong_date" in asked.flags:
                    row["t"] = _stamp(bar["session"] - dt.timedelta(days=1))
                found.append((bar["session"], row))
        return found

    def _history(self, symbol: str) -> list[Row]:
        key = (symbol, self.market.visible_until, self.market.revision)
        if len(self._histories) > 1_000:  # enough for the pages of one request; a whole market would be gigabytes
            self._histories.clear()
        if key not in self._histories:
            self._histories[key] = self.market.history(symbol).rows(named=True)
        return self._histories[key]

    def _row(self, symbol: str, bar: Row, split: bool) -> Row:
        factor = self.market.factor(symbol, bar["session"]) if split else 1.0
        prices = {short: round(bar[name] * factor, 4) for short, name in _NAMES.items()}
        volume = bar["volume"] / factor
        # Whether this vendor tells parts of shares is not documented; whole numbers are what its examples show.
        return {
            "t": _stamp(bar["session"]),
            **prices,
            "v": round(volume),
            "n": bar["n"],
            "vw": round(bar["vw"] * factor, 6),
        }

    def latest(self, asked: Asked) -> Reply:
        found = {}
        for text in asked.query.get("symbols", "").split(","):
            history = self._history(self._symbols[text]) if text in self._symbols else []
            if history:
                found[text] = self._row(self._symbols[text], history[-1], split=False)
        return json_reply({"bars": found})

    def snapshots(self, asked: Asked) -> Reply:
        """A map by symbol without anything around it; unknown symbols are left out, `THIN` lacks a quote."""
        found: dict[str, Row] = {}
        for text in asked.query.get("symbols", "").split(","):
            symbol = self._symbols.get(text)
            history = self._history(symbol) if symbol else []
            if symbol is None or not history:
                continue
            daily = [self._row(symbol, bar, split=False) for bar in history[-2:]]
            price = round(history[-1]["close"] * self.chains.moved, 4)
            at = dt.datetime.combine(history[-1]["session"], dt.time(15, 59, 59), NEW_YORK).astimezone(dt.UTC)
            at -= self.chains.late
            stamp = f"{at:%Y-%m-%dT%H:%M:%S}.123456789Z"
            minute = {"t": f"{at:%Y-%m-%dT%H:%M:00Z}", **dict.fromkeys("ohlc", price), "v": 100, "n": 1, "vw": price}
            entry: Row = {
                "latestTrade": {"t": stamp, "x": "V", "p": price, "s": 100, "c": ["@"], "i": 1, "z": "C"},
                "latestQuote": {
                    "t": stamp, "ax": "V", "ap": round(price + 0.01, 4), "as": 2, "bx": "V",
                    "bp": round(max(price - 0.01, 0.0001), 4), "bs": 3, "c": ["R"], "z": "C",
                },
                "minuteBar": minute,
                "dailyBar": daily[-1],
                "prevDailyBar": daily[0] if len(daily) == 2 else None,
            }  # fmt: skip
            if symbol == "THIN":
                del entry["latestQuote"]
            found[text] = entry
        return json_reply(found)

    # --- trading --------------------------------------------------------------------------------------

    def assets(self, asked: Asked) -> Reply:
        """One array. Symbols that are not listed any more are inactive; `status` absent means all."""
        status = asked.query.get("status")
        rows = []
        for security in self.market.listing:
            gone = self.market.delisted_on(security)
            active = gone is None or gone > self.market.visible_until
            if status and (status == "active") is not active:
                continue
            rows.append(
                {
                    "id": f"00000000-0000-4000-8000-0000{identifier(security.symbol)}",
                    "class": "us_equity",
                    "exchange": _EXCHANGES[security.exchange],
                    "symbol": spelled(security.symbol, "alpaca"),
                    "name": security.name,
                    "status": "active" if active else "inactive",
                    "tradable": active,
                    "marginable": active,
                    "shortable": active,
                    "easy_to_borrow": active,
                    "fractionable": active,
                    "maintenance_margin_requirement": 30,
                    "attributes": ["has_options"] if security.type == "CS" else [],
                }
            )
        return json_reply(rows)

    def calendar(self, asked: Asked) -> Reply:
        start, end = asked.query.get("start", "1970-01-01"), asked.query.get("end", "2029-12-31")
        rows = [
            {
                "date": day.isoformat(), "open": "09:30", "close": "16:00", "session_open": "0400",
                "session_close": "2000", "settlement_date": day.isoformat(),
            }
            for day in self.market.sessions
            if start <= day.isoformat() <= end
        ]  # fmt: skip
        return json_reply(rows)

    def clock(self, asked: Asked) -> Reply:
        now = dt.datetime.fromtimestamp(asked.now, NEW_YORK)
        return json_reply({"timestamp": now.isoformat(), "is_open": False})

    def corporate_actions(self, asked: Asked) -> Reply:
        """``start`` and ``end`` mean process_date, a day after ex_date here; pages count over all kinds."""
        limit = asked.number("limit", 100)
        if not 0 < limit <= 1000:
            return self.error(asked, 400)
        kinds = asked.query.get("types")
        start, end = asked.query.get("start", ""), asked.query.get("end", "9999")
        wanted = set(asked.query["symbols"].split(",")) if asked.query.get("symbols") else None
        rows = [
            (kind, row)
            for kind, row in self._actions()
            if (not kinds or kind in kinds.split(","))
            and start <= row["process_date"] <= end
            and (wanted is None or row["symbol"] in wanted)
        ]
        token = asked.query.get("page_token", "")
        offset = int(base64.b64decode(token)) if token else 0
        found: dict[str, list[Row]] = {}
        for kind, row in rows[offset : offset + limit]:
            found.setdefault(kind + "s", []).append(row)
        more = offset + limit < len(rows)
        following = base64.b64encode(str(offset + limit).encode()).decode() if more else None
        return json_reply({"corporate_actions": found, "next_page_token": following}, rows="json:corporate_actions.*")

    def _actions(self) -> list[tuple[str, Row]]:
        rows = []
        for split in self.market.splits:
            kind = "forward_split" if split.new > split.old else "reverse_split"
            row = {"old_rate": split.old, "new_rate": split.new, **_dates(split.symbol, split.ex_date)}
            rows.append((kind, row))
        for paid in self.market.dividends:
            row = {"rate": paid.amount, "special": paid.kind == "special", "foreign": False}
            rows.append(("cash_dividend", {**row, **_dates(paid.symbol, paid.ex_date)}))
        return sorted(rows, key=lambda pair: (pair[1]["process_date"], pair[1]["symbol"]))


_NAMES = {"o": "open", "h": "high", "l": "low", "c": "close"}


def _dates(symbol: str, ex_date: dt.date) -> Row:
    processed = ex_date + dt.timedelta(days=1)
    return {
        "symbol": spelled(symbol, "alpaca"),
        "ex_date": ex_date.isoformat(),
        "process_date": processed.isoformat(),
    }


def _rate_headers(limit: int, remaining: int, reset: float) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(int(reset) + 1),
    }


def _stamp(day: dt.date) -> str:
    """Midnight in New York as UTC: 04:00Z in summer, 05:00Z in winter."""
    return f"{dt.datetime.combine(day, dt.time(), NEW_YORK).astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def _moment(text: str | None) -> dt.datetime | str | None:
    """A date (midnight in New York) or an RFC 3339 time; "bad" for anything else."""
    if not text:
        return None
    try:
        if len(text) == 10:
            return dt.datetime.combine(dt.date.fromisoformat(text), dt.time(), NEW_YORK)
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return "bad"
    return moment if moment.tzinfo else "bad"


def _token(symbol: str, session: dt.date) -> str:
    return base64.b64encode(f"{symbol}|D|{session.isoformat()}T05:00:00.000000000Z".encode()).decode()


def _position(token: str) -> tuple[str, dt.date] | None:
    """The symbol and session of the last point of the page before."""
    if not token:
        return None
    symbol, _, stamp = base64.b64decode(token).decode().split("|")
    return symbol, dt.date.fromisoformat(stamp[:10])


FAKE = Alpaca
