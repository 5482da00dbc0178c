"""The page: its files as they are in this package, and the document with the nonce of the request."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse

__all__ = ["files", "serve_pages"]

_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
}
#: Where a page's document stands for the nonce.
NONCE = "{{nonce}}"
#: Addresses that a person may open; each is the same document.
PAGES = ("/", "/symbol", "/map", "/breadth", "/replay", "/alerts", "/models", "/data", "/live")


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


def serve_pages(app: FastAPI) -> None:
    """Have an application serve the page."""

    def page(request: Request) -> Response:
        text = files()["index.html"].content.decode().replace(NONCE, request.scope["state"]["nonce"])
        return HTMLResponse(text, headers={"cache-control": "no-store"})

    def static(request: Request, path: str) -> Response:
        found = files().get(path)
        if found is None:
            return Response(status_code=404)
        headers = {"etag": found.etag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == found.etag:
            return Response(status_code=304, headers=headers)
        return Response(found.content, media_type=found.kind, headers=headers)

    def health() -> Response:
        return Response(b'{"status":"ok"}', media_type="application/json")

    for one in PAGES:
        app.add_api_route(one, page, include_in_schema=False, methods=["GET"])
    app.add_api_route("/static/{path:path}", static, include_in_schema=False, methods=["GET"])
    app.add_api_route("/health", health, include_in_schema=False, methods=["GET"])
