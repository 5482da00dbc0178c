"""Who is let in, and what is refused before any work."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tapescan.api.resident import Resident
from tapescan.core.errors import OptionError
from tapescan.interfaces.web.app import make_app
from tapescan.interfaces.web.pages import PAGES, files
from tapescan.interfaces.web.serving import Serving
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
