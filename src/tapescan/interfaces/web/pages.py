"""The page: its files as they are in this package, and the document with the nonce of the request.

A document names every module that its page is made of, so that a browser asks for all of them at once and not for
each when another one wants it. Files have addresses that change with their contents: who comes back asks for none.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse

__all__ = ["PAGES", "document", "files", "serve_pages"]

_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
}
#: Where the document stands for the nonce, for the folder of the files, and for what is fetched at once.
_NONCE, _STATIC, _EARLY = "{{nonce}}", "{{static}}", "{{early}}"
#: Addresses that a person may open; each is the same document.
PAGES = ("/", "/symbol", "/map", "/breadth", "/replay", "/alerts", "/models", "/data", "/live")
#: What every page asks for first.
ASKED = ("/api/v1/overview", "/api/v1/columns", "/api/v1/screens")

_START = "app.js"
#: What `_version` is called, and a file of it.
_VERSIONED = re.compile(r"([0-9a-f]{16})/(.+)")
#: A module that needs another one; one that gets another one later; the module of each page, in the first one.
_NEEDS = re.compile(r'^(?:import|export|}) ?[^"\n]*?"\./([\w./-]+)";$', re.M)
_LATER = re.compile(r'=> import\("\./([\w./-]+)"\)')
_PAGE = re.compile(r'^ *"(/\w*)": \(\) => import\("\./([\w./-]+)"\)', re.M)


class File(NamedTuple):
    """kind : its media type. etag : names its content."""

    content: bytes
    kind: str
    etag: str

    @classmethod
    def of(cls, path: Path) -> File:
        content = path.read_bytes()
        return cls(content, _KINDS[path.suffix], f'"{hashlib.sha256(content).hexdigest()[:24]}"')


@lru_cache(maxsize=1)
def files() -> dict[str, File]:
    """The page's files by their paths below /static. Read once: no path of a request is ever looked up on a disk."""
    folder = Path(str(resources.files("tapescan.interfaces.web") / "static"))
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: File.of(path) for name, path in found.items() if path.suffix in _KINDS}


@cache
def _version() -> str:
    """Names the contents of all files."""
    told = "".join(f"{name} {one.etag}" for name, one in files().items())
    return hashlib.sha256(told.encode()).hexdigest()[:16]


@cache
def _modules(page: str) -> tuple[str, ...]:
    """The modules that a page is made of, those that it gets later too, the first one first."""
    pages: dict[str, str] = dict(_PAGE.findall(files()[_START].content.decode()))
    found = dict.fromkeys((_START, pages.get(page, pages["/"])))
    waiting = list(found)
    while waiting:
        name = waiting.pop(0)
        text = files()[name].content.decode()
        needs: list[str] = _NEEDS.findall(text) + (_LATER.findall(text) if name != _START else [])
        folder = name.rpartition("/")[0]
        wanted = [f"{folder}/{one}" if folder else one for one in needs]
        waiting += [one for one in wanted if one not in found]
        found |= dict.fromkeys(wanted)
    return tuple(found)


def document(page: str, nonce: str, static: str, asked: tuple[str, ...] = ()) -> str:
    """The document of one of PAGES. static : where the folder of `files` is. asked : what is fetched at once."""
    # As a script's own fetch asks for it: with what it may say of itself, to its own place.
    early = [f'<link rel="preload" as="fetch" crossorigin href="{one}">' for one in asked]
    early += [f'<link rel="modulepreload" href="{static}/{name}">' for name in _modules(page)[1:]]
    text = files()["index.html"].content.decode()
    return text.replace(_EARLY, "\n".join(early)).replace(_NONCE, nonce).replace(_STATIC, static)


def serve_pages(app: FastAPI) -> None:
    """Have an application serve the page."""
    static = f"/static/{_version()}"

    async def page(request: Request) -> Response:
        text = document(request.url.path, request.scope["state"]["nonce"], static, ASKED)
        return HTMLResponse(text, headers={"cache-control": "no-store"})

    async def file(request: Request) -> Response:
        versioned = _VERSIONED.fullmatch(request.path_params["path"])
        version, name = versioned.groups() if versioned else ("", request.path_params["path"])
        found = files().get(name)  # a page of an older version goes on with those that there are
        if found is None:
            return Response(status_code=404)
        kept = "private, max-age=31536000, immutable" if version == _version() else "no-cache"
        headers = {"etag": found.etag, "cache-control": kept}
        if request.headers.get("if-none-match") == found.etag:
            return Response(status_code=304, headers=headers)
        return Response(found.content, media_type=found.kind, headers=headers)

    async def health(_: Request) -> Response:
        return Response(b'{"status":"ok"}', media_type="application/json")

    # None of them waits for anything, and nothing of them is described: routes without a framework's further work.
    for one in PAGES:
        app.add_route(one, page, include_in_schema=False)
    app.add_route("/static/{path:path}", file, include_in_schema=False)
    app.add_route("/health", health, include_in_schema=False)
