"""A receiver of webhooks on this machine, as a person would write one: it checks signatures with plain hmac, and
drops the second message of an id."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import json
import threading
import time
from types import TracebackType
from typing import Any

SECRET = "a word of sixteen and more letters"  # noqa: S105 (of a test)


class Receiver:
    """One; a context manager. answers : the status of each request in turn, 200 when they are used up; 0 hangs up,
    -1 keeps the client waiting for `hangs` seconds."""

    def __init__(self, answers: list[int] | None = None, hangs: float = 60.0) -> None:
        self.answers, self.hangs = list(answers or ()), hangs
        self.got: list[dict[str, Any]] = []
        self.taken: dict[str, dict[str, Any]] = {}
        self.doubled = 0
        self.headers: list[dict[str, str]] = []
        self.extra: dict[str, str] = {}
        self.paths: set[str] = set()
        self._turn = threading.Lock()
        self._over = threading.Event()

    def __enter__(self) -> Receiver:
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.paths.add(self.path)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.take({name.lower(): value for name, value in self.headers.items()}, body)
                if status == -1:
                    receiver._over.wait(receiver.hangs)
                if status <= 0:
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in receiver.extra.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's name)
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/hook/of-mine-7f3a"

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Note a request; the status that is answered."""
        with self._turn:
            assert is_signed(headers, body)
            message = json.loads(body)
            assert message["id"] == headers["webhook-id"]
            self.headers.append(headers)
            self.got.append(message)
            status = self.answers.pop(0) if self.answers else 200
            if status == 200:
                self.doubled += message["id"] in self.taken
                self.taken[message["id"]] = message
            return status

    def wait(self, many: int, seconds: float = 20.0) -> None:
        """Until so many different messages were taken."""
        until = time.monotonic() + seconds
        while len(self.taken) < many:
            assert time.monotonic() < until, f"{len(self.taken)} of {many} came"
            time.sleep(0.01)


def is_signed(headers: dict[str, str], body: bytes, secret: str = SECRET) -> bool:
    """By the document of the Standard Webhooks, in plain hmac."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
    return (
        hmac.compare_digest(headers["webhook-signature"], f"v1,{expected}")
        and abs(int(headers["webhook-timestamp"]) - time.time()) < 300
    )
