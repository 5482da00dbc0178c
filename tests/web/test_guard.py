"""Who is let in, and what is refused before any work."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from tapescan.api.resident import Resident
from tapescan.core.errors import OptionError
from tapescan.interfaces.web.app import make_app
from tapescan.interfaces.web.guard import Application
from tapescan.interfaces.web.pages import PAGES, files
from tapescan.interfaces.web.serving import Serving
from tapescan.network.listening import bound
from tests.commands import one_line, tapescan
from tests.web.conftest import HERE, TOKEN

API = "/api/v1"
BEARER = {"authorization": f"Bearer {TOKEN}"}
COOKIE = {"cookie": f"tapescan_8000={TOKEN}"}
JOB = {"kind": "replay", "top": 3}


@pytest.mark.parametrize("path", [*PAGES, f"{API}/overview", f"{API}/openapi.json", "/static/index.html", "/mcp/"])
def test_nobody_is_let_in_without_the_token(stranger: TestClient, path: str) -> None:
    for headers in ({}, {"authorization": "Bearer wrong-wrong-wrong"}, {"cookie": "tapescan_8000=wrong"}):
        answer = stranger.get(path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert stranger.get(f"{API}/overview", params={"token": TOKEN}).status_code == 401  # not in a program's address
    assert stranger.get("/health").json() == {"status": "ok"}


def test_the_address_that_was_printed_becomes_a_cookie(stranger: TestClient) -> None:
    answer = stranger.get("/", params={"token": TOKEN, "screen": "a b"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/?screen=a+b"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert stranger.get("/", headers={"cookie": cookie.partition(";")[0]}).status_code == 200
    assert stranger.get(f"{HERE}//evil.example/x", params={"token": TOKEN}).headers["location"].startswith("/evil")
    stranger.cookies.clear()
    assert stranger.get("/", params={"token": "wrong-wrong-wrong"}).status_code == 401


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "", "127.0.0.1.nip.io", "localhost@evil.example"]
)
def test_a_server_goes_by_its_own_names_alone(stranger: TestClient, host: str) -> None:
    """As a page does whose name was pointed at this machine (DNS rebinding)."""
    answer = stranger.get(f"{API}/overview", headers={**BEARER, "host": host})
    assert answer.status_code == 421
    assert stranger.get(f"{API}/overview", headers={**BEARER, "host": "127.0.0.1:8000"}).status_code == 200
    assert stranger.get(f"{API}/overview", headers={**BEARER, "host": "[::1]:8000"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:9999"},
        {"origin": "file://localhost:8000"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"},
        {"sec-fetch-site": "same-site"},
        {},
    ],
)
def test_pages_of_others_write_nothing(stranger: TestClient, headers: dict[str, str]) -> None:
    answer = stranger.post(f"{API}/jobs", json=JOB, headers={**COOKIE, **headers})
    assert answer.status_code == 403, answer.text
    if headers.get("origin"):
        assert stranger.get(f"{API}/overview", headers={**COOKIE, **headers}).status_code == 403
    assert stranger.get(f"{API}/jobs", headers=COOKIE).json() == {"jobs": []}


def test_its_own_page_writes(stranger: TestClient) -> None:
    for headers in ({"origin": HERE}, {"sec-fetch-site": "same-origin"}):
        answer = stranger.post(f"{API}/jobs", json={**JOB, "kind": "sync"}, headers={**COOKIE, **headers})
        assert answer.status_code == 422  # it came in: a simulated market has nothing to sync
        assert "simulated" in answer.json()["detail"]


def test_what_is_too_large_or_too_deep_is_refused(client: TestClient) -> None:
    assert client.post(f"{API}/jobs", content=b"x" * 70_000).status_code == 413
    assert client.post(f"{API}/jobs", content=iter([b"x" * 40_000, b"x" * 40_000])).status_code == 413
    assert client.get(f"{API}/scan", params={"where": "x" * 20_000}).status_code == 414
    deep = client.post(f"{API}/jobs", content=b"[" * 30_000, headers={"content-type": "application/json"})
    assert deep.status_code in {400, 422}
    wide = client.post(f"{API}/jobs", json={**JOB, "screens": ["x"] * 100})
    assert wide.status_code == 422
    assert client.post(f"{API}/jobs", json={**JOB, "path": "/etc/passwd"}).status_code == 422
    assert client.post(f"{API}/jobs", json={**JOB, "profile": "../x"}).status_code == 422
    assert client.get(f"{API}/overview", headers={"content-length": "nonsense"}).status_code == 413
    assert client.request("TRACE", f"{API}/overview").status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "../app.py",
        "..%2fapp.py",
        "....//app.py",
        "%2e%2e/guard.py",
        "/etc/passwd",
        "vendor/../../app.py",
        "index.html%00.py",
    ],
)
def test_no_path_of_a_request_reaches_a_file(client: TestClient, path: str) -> None:
    answer = client.get(f"/static/{path}")
    assert answer.status_code in {404, 405}
    assert b"import" not in answer.content
    assert client.get("/static/index.html").content == files()["index.html"].content


@pytest.mark.parametrize(
    "path",
    [
        "symbols/..%2f..%2f..%2fetc%2fpasswd",
        "symbols/..%2f..%2f..%2fetc%2fpasswd/bars",
        "symbols/%2e%2e%2f%2e%2e/ranks",
        "symbols/%00/options",
        "symbols/%ff%fe/bars",
        "symbols/" + "A" * 5000,
        "jobs/..%2f1",
        "../../etc/passwd",
        "scan?profile=..%2f..%2fetc%2fpasswd",
        "scan?screens=%2fetc%2fpasswd.toml",
        "scan?where=symbol+IN+list:..%2f..%2fetc%2fpasswd",
        "breadth?profile=%2fetc%2fpasswd",
        "symbols/X/ranks?profile=..%2fx.toml",
    ],
)
def test_no_name_of_a_request_reaches_a_file(client: TestClient, path: str) -> None:
    answer = client.get(f"{API}/{path}")
    assert answer.status_code in {404, 422}
    assert answer.headers["content-type"] == "application/problem+json"
    assert b"root:" not in answer.content
    assert len(answer.content) < 10_000


@pytest.mark.parametrize(
    "names",
    [
        [("host", "localhost:8000"), ("host", "evil.example")],
        [("host", "evil.example"), ("x-forwarded-host", "localhost:8000")],
        [("host", "evil.example"), ("forwarded", "host=localhost:8000")],
        [("host", "localhost:8000@evil.example")],
        [("host", "localhost:8000/x")],
        [("host", "[::1].evil.example")],
        [("host", "localhost:evil.example")],
        [("host", "localhost:")],
        [("host", "xn--localhost-")],
        [],
    ],
)
def test_a_name_is_one_and_its_own(app: Application, names: list[tuple[str, str]]) -> None:
    status, _ = asked_by_hand(app, f"{API}/overview", [*names, *BEARER.items()])
    assert status == 421


def test_headers_of_others_change_no_request(app: Application, stranger: TestClient) -> None:
    for name, value in (
        ("x-http-method-override", "DELETE"),
        ("x-original-url", "/health"),
        ("x-rewrite-url", "/health"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-user", "root"),
    ):
        assert stranger.get(f"{API}/overview", headers={name: value}).status_code == 401
        answer = stranger.get(f"{API}/jobs", headers={**BEARER, name: value})
        assert (answer.status_code, answer.json()) == (200, {"jobs": []})
    for method in ("CONNECT", "TRACE", "PROPFIND", "x" * 5000, "get"):
        status, told = asked_by_hand(app, f"{API}/overview", [("host", "localhost"), *BEARER.items()], method)
        assert status == 405
        assert len(told) < 500


@pytest.mark.parametrize("length", ["-1", "+5", "0x10", "1e9", "99999999999999999999", "5, 5", " ", "\u0665"])
def test_lengths_are_plain_and_small(app: Application, length: str) -> None:
    headers = [("host", "localhost"), ("content-length", length), *BEARER.items()]
    assert asked_by_hand(app, f"{API}/jobs", headers, "POST")[0] == 413


def test_what_is_many_is_refused(client: TestClient) -> None:
    for params, status in (
        ([("features", "rsi_14")] * 201, 422),
        ([("features", ",".join(["rsi_14"] * 201))], 422),
        ([("screens", "a,b,c")] * 80, 422),
        ([(f"x{number}", "1") for number in range(2000)], 422),  # no parameter of ours
        ([(f"x{number}", "1") for number in range(3000)], 414),
        ([("symbols", "A")] * 101, 422),
    ):
        path = "closes" if params[0][0] == "symbols" else "scan"
        assert client.get(f"{API}/{path}?{urlencode(params)}").status_code == status, params[0]
    assert client.get(f"{API}/scan", headers={"accept": ",".join(["text/x"] * 5000)}).status_code == 406
    assert client.get(f"{API}/scan?top=1", headers={"if-none-match": '"a",' * 5000}).status_code == 200
    assert client.get(f"{API}/scan?where=%ff%fe%00").status_code == 422
    assert client.get(f"{API}/scan?top=1&top=2").status_code == 200


def test_a_form_of_another_site_begins_nothing(stranger: TestClient) -> None:
    """What a page can send without asking first: a form, or text that is JSON."""
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", ""):
        headers = {**COOKIE, "origin": "http://evil.example", "content-type": kind}
        assert stranger.post(f"{API}/jobs", content=json.dumps(JOB), headers=headers).status_code == 403
        # Its own page sends JSON.
        own = stranger.post(f"{API}/jobs", content=b"kind=sync", headers={**headers, "origin": HERE})
        assert own.status_code == 422
    assert stranger.get(f"{API}/jobs", headers=COOKIE).json() == {"jobs": []}


def test_there_is_no_socket(stranger: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect) as told, stranger.websocket_connect(f"{API}/stream", headers=BEARER):
        pass
    assert told.value.code == 1008


def asked_by_hand(
    app: Application, path: str, headers: Sequence[tuple[str, str]], method: str = "GET"
) -> tuple[int, bytes]:
    """Status and body of a request with just these headers, which no client would send."""
    told: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        told.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode("utf-8")) for name, value in headers],
    }

    async def asked() -> None:
        await app(scope, receive, send)

    asyncio.run(asked())
    return told[0]["status"], b"".join(one.get("body", b"") for one in told)


def test_every_answer_says_what_a_browser_may_do(client: TestClient, stranger: TestClient) -> None:
    nonces = set()
    for answer in (client.get("/"), client.get("/"), client.get(f"{API}/overview"), stranger.get("/")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        nonces.add(policy.partition("'nonce-")[2].partition("'")[0])
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
    assert len(nonces) == 4
    page = client.get("/")
    assert "{{nonce}}" not in page.text


def test_other_machines_are_served_with_a_token_alone() -> None:
    with pytest.raises(OptionError, match="can be reached from other machines"):
        Serving(host="0.0.0.0", token="")  # noqa: S104
    assert Serving(host="127.0.0.1", token="").allowed >= {"localhost", "127.0.0.1"}
    with pytest.raises(OptionError, match="16 characters"):
        Serving(token="short")
    with pytest.raises(OptionError, match="no name of a host"):
        Serving(hosts=("*",))
    assert "evil.example" not in Serving(host="0.0.0.0", hosts=("scan.example",)).allowed  # noqa: S104
    assert "" not in Serving(host="").allowed


def test_writes_leave_a_line_without_secrets(resident: Resident, tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    serving = Serving(token=TOKEN, audit=str(log))
    with TestClient(make_app(resident, serving), base_url=HERE, headers=BEARER) as client:
        client.get(f"{API}/overview")
        client.post(f"{API}/jobs?where=secret", json={**JOB, "kind": "sync", "vendor": "massive"})
        client.delete(f"{API}/jobs/99")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(one["method"], one["path"], one["status"]) for one in lines] == [
        ("POST", f"{API}/jobs", 422),
        ("DELETE", f"{API}/jobs/99", 404),
    ]
    assert TOKEN not in log.read_text()
    assert "secret" not in log.read_text()


@pytest.mark.parametrize(
    ("host", "said"), [("127.0.0.1", "is in use"), ("no.such.host.invalid", "cannot be listened at")]
)
def test_where_nobody_can_listen_is_one_line(host: str, said: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = tapescan("serve", "--host", host, "--port", str(taken.getsockname()[1]))
    assert said in one_line(done)
    assert "serves at" not in done.stdout


def test_a_simulated_session_of_a_store_is_refused_before_it_is_read(tmp_path: Path) -> None:
    said = one_line(tapescan("serve", "--live", "simulated", "--store", str(tmp_path)))
    assert "--live" in said
    assert "not of a store" in said


def test_small_answers_leave_at_once() -> None:
    """Without a wait for more, which is 40 ms of each (Nagle): an event loop turns it off of sockets of TCP alone."""

    async def served() -> int:
        waits: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            own = writer.get_extra_info("socket")
            waits.set_result(own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with bound("127.0.0.1", 0) as listening:
            async with await asyncio.start_server(answer, sock=listening):
                _, writer = await asyncio.open_connection(*listening.getsockname())
                try:
                    return await asyncio.wait_for(waits, 10.0)
                finally:
                    writer.close()

    assert asyncio.run(served())
