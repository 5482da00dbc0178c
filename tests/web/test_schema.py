"""REST against its own description: requests drawn from OpenAPI, and answers as it says.

More cases: TAPESCAN_TEST_CASES=10000 pytest -n 0 -m long tests/web/test_schema.py
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

pytest.importorskip("schemathesis", reason="a tool of the extra `dev` is not installed")

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from starlette.testclient import TestClient

from tapescan.api.resident import Resident
from tapescan.interfaces.web.app import make_app
from tapescan.interfaces.web.serving import Serving
from tapescan.simulation.market import simulate
from tests.web.conftest import HERE, TOKEN

pytestmark = pytest.mark.long

CASES = int(os.environ.get("TAPESCAN_TEST_CASES", "600"))
BEARER = {"authorization": f"Bearer {TOKEN}"}
#: Parameters that may be empty, as a form sends them.
LISTS = {"columns", "features", "screens", "symbols"}
#: Streams do not end; a job begins processes by the hundred, and has tests of its own.
APART = r"/(stream|jobs)"


def application() -> Any:
    return make_app(
        Resident(simulate(symbols=60, sessions=280, seed=5), models=False),
        Serving(token=TOKEN, hosts=("testserver",)),
    )


APP = application()


async def requests_alone(scope: Any, receive: Any, send: Any) -> None:
    """The application without what runs beside it, which may begin once: assistants' sessions."""
    if scope["type"] != "lifespan":
        await APP(scope, receive, send)
        return
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})


CLIENT = TestClient(APP, base_url=HERE, raise_server_exceptions=False)
DESCRIBED = CLIENT.get("/api/v1/openapi.json", headers=BEARER).json()
SCHEMA = schemathesis.openapi.from_asgi("/api/v1/openapi.json", requests_alone, headers=BEARER).exclude(
    path_regex=APART
)
PATHS = [
    about for path, about in DESCRIBED["paths"].items() if not any(part in path for part in ("/stream", "/jobs"))
]
#: One without parameters is asked once, whatever is drawn: the others share the cases.
DRAWN = sum(1 for about in PATHS if about["get"].get("parameters"))


def test_every_path_is_described() -> None:
    assert len(PATHS) >= 21
    assert DRAWN >= 10
    for path, methods in DESCRIBED["paths"].items():
        for method, about in methods.items():
            assert about["summary"], (method, path)
            assert {"401", "422", "503"} <= about["responses"].keys()
    assert not any("HTTPValidationError" in str(one) for one in DESCRIBED.get("components", {}).values())


@SCHEMA.parametrize()
@settings(
    max_examples=max(CASES // DRAWN, 1), deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
def test_answers_are_as_described(case: Any) -> None:
    answer = case.call(headers=BEARER)
    if answer.status_code == 414:  # refused before anything was read, which the checks do not know of
        assert "at most 16,384 bytes" in answer.json()["detail"]
        return
    # Which expressions and names can be used no schema says: what is refused is one line, as it says itself.
    excluded = [positive_data_acceptance]
    # A list of nothing, and what else is drawn that becomes an empty text on the way, are one and the same here.
    if any(
        name in LISTS and not value
        for name, value in parse_qsl(urlsplit(answer.request.url).query, keep_blank_values=True)
    ):
        excluded.append(negative_data_rejection)
    case.validate_response(answer, excluded_checks=excluded)
    assert answer.status_code != 500
