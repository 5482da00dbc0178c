"""Massive's replies: their types, their pages, and what is checked of each before anything of it is used."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, TypeVar

import msgspec

from tapescan.core.errors import VendorError
from tapescan.network.link import Decoder, Link

__all__ = ["Page", "checked", "in_pages"]


class Page(msgspec.Struct, gc=False):
    """What every reply has. next_url : absolute, with an opaque cursor and without the key; absent on the last page.

    count : rows of this page, where the endpoint says it. error, message : only in a refusal.
    """

    status: str = ""
    count: int | None = None
    next_url: str | None = None
    error: str = ""
    message: str = ""


P = TypeVar("P", bound=Page)

#: DELAYED is the status of good answers on plans that are 15 minutes behind.
_GOOD = ("OK", "DELAYED")


def checked(link: Link, path: str, page: P, rows: int) -> P:
    """The page, when it says that it is an answer and holds as many rows as it says; raises VendorError."""
    if page.status not in _GOOD:
        raise _refusal(link, path, page)
    if page.count is not None and page.count != rows:
        raise link.error("truncated", f"{path}: says {page.count:,} rows and holds {rows:,}", "try again later")
    return page


def _refusal(link: Link, path: str, page: Page) -> VendorError:
    """A refusal that came with HTTP 200."""
    said = page.error or page.message or "no reason given"
    what = f"{path}: status {page.status!r} with HTTP 200: {said[:160]}"
    if "API Key" in said:
        return link.error("bad_key", what, "check the key", fatal=True)
    if page.status == "NOT_AUTHORIZED":
        return link.error("not_entitled", what, "check the plan and the key")
    if "exceeded the maximum requests" in said:
        return link.error("throttled", what, "sync again later; nothing is lost")
    return link.error("bad_reply", what, "try again later")


async def in_pages(
    link: Link, path: str, decoder: Decoder[Any], params: Mapping[str, str | int], most: int
) -> AsyncIterator[Any]:
    """The pages of an answer, each with its ``results`` counted; the decoder's type is a `Page` that has them.

    most : pages after which it cannot be right any more. Raises VendorError (``bad_reply``) for a next page that
    was there before, and for too many.
    """
    seen: set[str] = set()
    following = path
    for _ in range(most):
        page = await link.get(following, decoder, params)
        yield checked(link, path, page, len(page.results))
        if not page.next_url:
            return
        if page.next_url in seen:
            raise link.error("bad_reply", f"{path}: its pages go round in a circle", "try again later")
        seen.add(page.next_url)
        # The cursor holds the question; the link takes path and query only, and sends the key to our own address.
        following, params = page.next_url, {}
    raise link.error("bad_reply", f"{path}: more than {most:,} pages", "try again later")
