"""What goes wrong, as problem+json (RFC 9457): one line that names what, where and what to do."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from tapescan.core.errors import InputError, ModelError, StoreError, TapescanError, VendorError
from tapescan.core.logging import logger
from tapescan.core.text import printable
from tapescan.interfaces.web.forms import Unacceptable, answer_json

__all__ = ["Missing", "answer_problems", "problem"]


class Missing(InputError):  # noqa: N818 (becomes an answer)
    """What an address names is not there."""


def problem(status: int, title: str, detail: str, **more: Any) -> Response:
    """An answer that says what is wrong."""
    told = {"type": "about:blank", "title": title, "status": status, "detail": printable(detail), **more}
    found = answer_json(told, status=status, headers={"cache-control": "no-store"})
    found.headers["content-type"] = "application/problem+json"
    return found


def answer_problems(app: FastAPI) -> None:
    """Have an application answer errors so."""

    def raised(request: Request, error: Exception) -> Response:  # noqa: ARG001
        assert isinstance(error, TapescanError)
        more: dict[str, Any] = {"field": error.field} if error.field else {}
        status, title = _status(error)
        return problem(status, title, str(error), hint=error.hint, **more)

    def invalid(request: Request, error: Exception) -> Response:  # noqa: ARG001
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        field = str(first["loc"][-1]) if first["loc"] else ""
        some = [
            {"field": ".".join(str(part) for part in one["loc"][1:])[:80], "detail": one["msg"]}
            for one in error.errors()[:10]
        ]
        return problem(422, "Cannot be used", f"{field}: {first['msg']}", field=field[:80], errors=some)

    def http(request: Request, error: Exception) -> Response:  # noqa: ARG001
        assert isinstance(error, HTTPException)
        answer = problem(error.status_code, _TITLES.get(error.status_code, "Not served"), str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    def unacceptable(request: Request, error: Exception) -> Response:  # noqa: ARG001
        return problem(406, "No such form", f"there are {error}")

    def failed(request: Request, error: Exception) -> Response:
        logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return problem(500, "Failed", "tapescan failed; its log says why")

    app.add_exception_handler(TapescanError, raised)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Unacceptable, unacceptable)
    app.add_exception_handler(Exception, failed)


_TITLES = {400: "Cannot be read", 404: "Not there", 405: "Method not allowed"}


def _status(error: TapescanError) -> tuple[int, str]:
    match error:
        case Missing():
            return 404, "Not there"
        case InputError():
            return 422, "Cannot be used"
        case StoreError() | ModelError():
            return 503, "Cannot be read now"
        case VendorError():
            return 502, "No answer of the vendor"
    return 500, "Failed"
