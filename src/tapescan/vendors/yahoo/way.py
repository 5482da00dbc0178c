"""The way to Yahoo's charts through yfinance: its cookies, crumb, consent form and a browser's handshake, and nothing
else of it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import importlib
import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tapescan.core.errors import OptionError, VendorError
from tapescan.core.files import user_cache
from tapescan.network.link import Link, Reply

__all__ = ["CHART", "HOST", "OF_ONE_SYMBOL", "THREADS", "Charts", "Way", "absent"]

T = TypeVar("T")

HOST = "https://query2.finance.yahoo.com"
CHART = "/v8/finance/chart/"
#: Requests under way at once; more is what gets an address refused.
THREADS = 4
#: Seconds for one answer, as yfinance has it, and its largest plausible size: 60 years of days are 2 MB.
TIMEOUT = 10.0
LARGEST = 32 * 1024 * 1024
#: What a callback of curl returns to end the transfer.
_END = 0xFFFFFFFF
#: What concerns one symbol alone; after any other error those that come after it would fail too.
OF_ONE_SYMBOL = frozenset({"bad_reply", "truncated", "too_large", "adjusted", "wrong_day"})


def absent() -> OptionError:
    """What is said without yfinance."""
    return OptionError("yahoo needs the package yfinance", "pip install 'tapescan[yahoo]'")


class Charts:
    """Charts, asked for by some threads at a link's pace."""

    def __init__(self) -> None:
        self.threads = concurrent.futures.ThreadPoolExecutor(THREADS, thread_name_prefix="yahoo")
        self._way: Way | None = None

    async def way(self, link: Link) -> Way:
        """The one over this link. Raises OptionError without yfinance."""
        return await self._in_thread(lambda: self._way_over(link))

    async def reply(self, way: Way, path: str, params: Mapping[str, str | int]) -> Reply:
        """A chart, tried again as the link does. Raises VendorError."""
        link = way.link

        async def send() -> Reply:
            # yfinance asks for a cookie and a crumb before its first chart; those two are not counted in the pace.
            async with link.pace.slot():
                return await self._in_thread(lambda: way.ask(path, params))

        return await link.relayed(send, path)

    def give_up(self, way: Way) -> None:
        """What is under way asks for nothing more."""
        way.over, self._way = True, None

    def _way_over(self, link: Link) -> Way:
        if self._way is None or self._way.link is not link:
            self._way = Way(link, elsewhere=link.hosts[""] != HOST)
        return self._way

    async def _in_thread(self, work: Callable[[], T]) -> T:
        # Cancelled, it is left at once; the thread ends with its request, since nothing can end it from outside.
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)


class _Answered(Exception):  # noqa: N818 (a way out of yfinance, never seen outside)
    """Yahoo answered; yfinance's second try with other cookies, which doubles every 404, would be senseless."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"HTTP {reply.status}")
        self.reply = reply


class Way:
    """yfinance with one session of its own, whose `request` is replaced by `send`.

    All that yfinance sends comes through there: it is counted, cut off when too large, and sent to the link's
    address instead of Yahoo's where that is ``elsewhere``.
    """

    def __init__(self, link: Link, *, elsewhere: bool) -> None:
        try:
            curl = importlib.import_module("curl_cffi.requests")
            data = importlib.import_module("yfinance.data")
            cache = importlib.import_module("yfinance.cache")
        except ImportError as error:
            raise absent() from error
        logging.getLogger("yfinance").addHandler(logging.NullHandler())  # what it would say is reported by us
        cache.set_cache_location(str(user_cache() / "yfinance"))
        self.link = link
        self.over = False  # after that, threads that are still under way ask for nothing more
        self._elsewhere = elsewhere
        self._base = link.hosts[""].rstrip("/")
        self._timed_out: type[OSError] = curl.exceptions.Timeout
        session = curl.Session(impersonate="chrome")
        self._send, session.request = session.request, self.send
        self._yfinance = data.YfData(session=session)  # the only one of a process; it takes over the session

    def ask(self, path: str, params: Mapping[str, str | int]) -> Reply:
        """One GET, in the thread that calls; raises OSError where no answer came."""
        try:
            response = self._yfinance.get(url=self._base + path, params=dict(params), timeout=TIMEOUT)
        except _Answered as answered:
            return answered.reply
        except self._timed_out as error:
            raise TimeoutError from error
        except OSError as error:
            raise ConnectionError(str(error).partition(". See ")[0]) from error
        except VendorError:
            raise
        except Exception as error:  # its cookie and consent code raises whatever it stumbles over
            text = f"{path}: yfinance failed: {type(error).__name__}: {error}"
            raise self.link.error("bad_reply", text, "a newer yfinance may help") from error
        return _reply(response, path)

    def send(self, method: str, url: str, **how: Any) -> Any:
        """Stands in for the `request` of yfinance's session."""
        if self.over:
            raise ConnectionError("given up")
        parts = urlsplit(url)
        if self._elsewhere:
            url = self._base + parts.path + (f"?{parts.query}" if parts.query else "")
        traffic, pieces, size = self.link.traffic, list[bytes](), 0
        limit = min(self.link.patience.body, LARGEST)

        def take(piece: bytes) -> int:
            nonlocal size
            size += len(piece)
            if size > limit:
                return _END
            pieces.append(piece)
            return len(piece)

        patience = self.link.patience
        timeout = min(how.get("timeout") or TIMEOUT, patience.silence, patience.whole)
        traffic.requests += 1
        try:
            response = self._send(method, url, **{**how, "timeout": timeout, "content_callback": take})
        except OSError:
            if size > limit:
                raise self.link.error("too_large", f"{parts.path}: larger than {limit:,} bytes") from None
            raise
        response.content = b"".join(pieces)
        traffic.bytes += size
        traffic.statuses[response.status_code] = traffic.statuses.get(response.status_code, 0) + 1
        # With 401 and 403 yfinance fetches another cookie and crumb, and tries once more.
        if parts.path.startswith(CHART) and response.status_code not in (200, 401, 403):
            raise _Answered(_reply(response, parts.path))
        return response


def _reply(response: Any, path: str) -> Reply:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status_code, headers, response.content, path)
