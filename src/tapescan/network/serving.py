"""Texts of this process for programs on this machine: a few pages by HTTP, on the loopback address alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeAlias

from tapescan.core.errors import OptionError

__all__ = ["Page", "served"]

#: Gives a page: its status, its type, its text.
Page: TypeAlias = Callable[[], tuple[int, str, str]]

#: Seconds that a request may take to arrive.
_PATIENCE = 10


@contextmanager
def served(pages: Mapping[str, Page], port: int) -> Iterator[int]:
    """Serve pages by their path while the block runs; gives the port, which is a free one for 0.

    Raises OptionError for a port that cannot be had.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = _PATIENCE
        server_version, sys_version = "tapescan", ""

        def do_GET(self) -> None:
            page = pages.get(self.path.partition("?")[0])
            status, kind, text = page() if page else (404, "text/plain; charset=utf-8", "no such page\n")
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (as it is called above)
            """Say nothing: a scrape each few seconds is no news."""

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except (OSError, OverflowError) as error:
        what = f"port {port} cannot be had: {getattr(error, 'strerror', None) or error}"
        raise OptionError(what, "name another one, or 0 for any", field="metrics") from error
    server.daemon_threads = True
    worker = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    worker.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
