"""A key goes to its vendor's own address only, and shows in no message, log, warning, repr or traceback."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
import warnings
from collections.abc import Iterator
from urllib.parse import quote

import msgspec
import pytest

from tapescan.core.errors import VendorError
from tapescan.network.link import Reply
from tests.fakes import FakeServer
from tests.vendors.wires import KEY, ROWS, Answers, Echo, answer, linked, raw

#: Enough of the key to be of use to someone.
PART = KEY[:10]


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with FakeServer(Echo()) as running:
        yield running


@pytest.fixture(autouse=True)
def no_key_in_logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Everything is logged, by everyone; no test of this file may leave a key there or in a warning."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("asyncio").setLevel(logging.DEBUG)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        yield
    logged = " ".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert PART not in logged
    assert PART not in " ".join(str(warning) for warning in warned)


def shown(sent: bytes | Answers, path: str = "/rows") -> str:
    """All that could be printed of what goes wrong with an answer."""

    async def inside() -> str:
        async with raw((lambda _number, _writer: sent) if isinstance(sent, bytes) else sent) as server:
            link = linked(server.url)
            async with link:
                with pytest.raises(VendorError) as caught:
                    await link.get(path, ROWS)
            error = caught.value
            chain = "".join(traceback.format_exception(error))
            return f"{error} {error!r} {error.args} {chain} {link!r} {link.traffic!r}"

    return asyncio.run(inside(), debug=True)


@pytest.mark.parametrize("status", ["200 OK", "400 Bad", "401 No", "403 No", "404 No", "429 Busy", "500 Oops"])
@pytest.mark.parametrize("form", [KEY, quote(KEY, safe=""), KEY.replace("/", "\\/")], ids=["plain", "quoted", "json"])
def test_a_body_that_quotes_the_key_is_shown_without_it(status: str, form: str) -> None:
    text = shown(answer(f'{{"error": "unknown key {form}, sorry"}}'.encode(), "Retry-After: 0.01", status=status))
    assert form not in text
    assert PART not in text
    if status != "200 OK":
        assert "unknown key <TAPESCAN_ECHO_KEY>, sorry" in text


@pytest.mark.parametrize("before", range(40, 165, 5))
@pytest.mark.parametrize("status", ["200 OK", "400 Bad"])
def test_a_message_that_is_cut_holds_no_half_of_the_key(status: str, before: int) -> None:
    assert KEY[:6] not in shown(answer(f"{'x' * before}{KEY}{'y' * 200}".encode(), status=status))


@pytest.mark.parametrize(
    "sent",
    [
        answer(b"", f"Location: https://{KEY}.elsewhere.test/{KEY}", status="302 Found"),
        answer(b"?", f"Content-Type: {KEY}"),
        answer(f'{{"rows": ["{KEY}"]}}'.encode()),
        f"HTTP/1.1 {KEY} {KEY}\r\n\r\n".encode(),
        f"{KEY}\r\n\r\n".encode(),
        answer(b"{}", f"Bad Header {KEY}"),
        answer(b"{}", f"Content-Encoding: gzip, {KEY}"),
        answer(b"not gzip", "Content-Encoding: gzip", f"X-Key: {KEY}"),
    ],
    ids=["redirect", "type", "value", "status line", "no HTTP", "header", "encoding", "packed"],
)
def test_neither_headers_nor_broken_answers_show_the_key(sent: bytes) -> None:
    assert PART not in shown(sent)


def test_a_path_that_holds_the_key_is_shown_without_it() -> None:
    text = shown(answer(b"", status="404 No"), f"/rows/{KEY}?apiKey={KEY}&page={KEY}")
    assert PART not in text


def test_a_judge_may_quote_the_body(server: FakeServer) -> None:
    def judge(reply: Reply) -> VendorError:
        return VendorError("echo", "bad_reply", f"said: {reply.body.decode()}", f"ask about {KEY}", fatal=True)

    link = linked(server.url, judge=judge)

    async def inside() -> VendorError:
        async with link:
            with pytest.raises(VendorError) as caught:
                await link.get("/nothing", ROWS)
            return caught.value

    error = asyncio.run(inside())
    assert PART not in f"{error} {error.args} {error.what} {error.hint}"
    assert str(error).startswith("echo: said: ")
    assert str(error).endswith("ask about <TAPESCAN_ECHO_KEY>")
    assert (error.reason, error.fatal) == ("bad_reply", True)


def test_an_exception_of_a_vendors_own_library_is_shown_without_the_key() -> None:
    link = linked("http://127.0.0.1:1")

    async def send() -> Reply:
        raise ConnectionError(f"cannot reach https://host/?apiKey={KEY}")

    with pytest.raises(VendorError) as caught:
        asyncio.run(link.relayed(send, "/rows"))
    assert PART not in "".join(traceback.format_exception(caught.value))
    assert caught.value.reason == "unreachable"


def test_a_reply_shows_neither_headers_nor_body() -> None:
    assert repr(Reply(200, {"x-key": KEY}, KEY.encode(), "/rows")) == "Reply(status=200, path='/rows')"


# --- where the key goes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "named",
    [
        "http://{other}/rows?cursor=1",
        "https://{other}/rows?cursor=1",
        "//{other}/rows",
        "@{other}/rows",
        ":4711@{other}/rows",
        ".{other}/rows",
        "http://me:mine@{other}/rows",
        "\\\\{other}\\rows",
        "file:///rows",
    ],
)
def test_an_address_that_the_vendor_names_is_asked_for_at_its_own_host(server: FakeServer, named: str) -> None:
    """What a next_url or a redirect may hold: the key goes to nobody else, whatever it says."""
    server.requests.clear()

    async def inside() -> None:
        async with raw(lambda _number, _writer: answer(b'{"rows": []}')) as other, linked(server.url) as link:
            with contextlib.suppress(VendorError):  # there may be no such page
                await link.get(named.format(other=other.url.removeprefix("http://")), ROWS)
            assert other.connections == 0

    asyncio.run(inside())
    assert [seen.headers["authorization"] for seen in server.requests] == [f"Bearer {KEY}"]
    assert {seen.headers["host"] for seen in server.requests} == {server.url.removeprefix("http://")}


def test_a_redirect_to_another_host_is_not_followed(server: FakeServer) -> None:
    async def inside() -> None:
        async with raw(lambda _number, _writer: answer(b'{"rows": []}')) as other, linked(server.url) as link:
            server.misbehave("redirect", to=f"{other.url}/rows")
            with pytest.raises(VendorError, match=f"redirected to {other.url.removeprefix('http://')}"):
                await link.get("/rows", ROWS)
            assert other.connections == 0

    asyncio.run(inside())


@pytest.mark.parametrize("named", ["http://[::1/rows", "http://host:port/rows?x=1", "/rows?x=1 2\x00ä"])
def test_an_address_that_cannot_be_read_is_no_crash(server: FakeServer, named: str) -> None:
    server.requests.clear()

    async def inside() -> None:
        async with linked(server.url) as link:
            with contextlib.suppress(VendorError):
                await link.get(named, ROWS)

    asyncio.run(inside())
    assert all(seen.path == "/rows" for seen in server.requests)


def test_keys_in_a_query_that_the_vendor_names_are_left_out_and_cursors_stay_as_they_are(server: FakeServer) -> None:
    server.requests.clear()
    cursor = "YWN0aXZl%3D%2B%26x=y"

    async def inside() -> None:
        async with linked(server.url) as link:
            await link.get(f"/rows?apiKey={KEY}&cursor={cursor}&token=t&page_token=p", ROWS, {"limit": 5})

    asyncio.run(inside())
    assert server.requests[0].query == {"cursor": "YWN0aXZl=+&x=y", "page_token": "p", "limit": "5"}


def test_the_error_of_a_decoder_is_kept_as_the_cause() -> None:
    async def inside() -> BaseException | None:
        link = linked("http://127.0.0.1:1")
        with pytest.raises(VendorError) as caught:
            await link.decode(Reply(200, {}, b"{", "/rows"), ROWS)
        return caught.value.__cause__

    assert isinstance(asyncio.run(inside()), msgspec.DecodeError)
