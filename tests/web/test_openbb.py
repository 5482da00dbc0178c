"""What the OpenBB Workspace reads: widgets that answer in the shape of their types, to pages of named origins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from tapescan.api.resident import Resident
from tapescan.core.errors import OptionError
from tapescan.interfaces.web.app import make_app
from tapescan.interfaces.web.serving import Serving
from tests.web.conftest import HERE, TOKEN

THERE = "https://pro.openbb.co"
API = "/api/v1"
BEARER = {"authorization": f"Bearer {TOKEN}"}
COOKIE = {"cookie": f"tapescan_8000={TOKEN}"}
KINDS: dict[str, Any] = {"number": int | float | None, "text": str | None, "dateString": str}


@pytest.fixture(scope="module")
def opened(resident: Resident) -> Iterator[TestClient]:
    """Of a server that names an origin; without a token."""
    app = make_app(resident, Serving(token=TOKEN, origins=(THERE,)))
    with TestClient(app, base_url=HERE, follow_redirects=False) as found:
        yield found


@pytest.mark.parametrize("place", ["/", f"{API}/"])
def test_each_widget_answers_in_the_shape_of_its_type(client: TestClient, place: str) -> None:
    widgets = client.get(f"{place}widgets.json").json()
    assert {one["endpoint"].rpartition("/")[2] for one in widgets.values()} == {"scan", "bars", "breadth", "status"}
    for name, widget in widgets.items():
        assert {"name", "description", "endpoint", "type", "gridData", "params"} <= widget.keys()
        assert name == widget["endpoint"].replace("/", "_")
        asked = {one["paramName"]: one["value"] for one in widget["params"] if one["value"] is not None}
        answer = client.get(place + widget["endpoint"], params=asked)
        assert answer.status_code == 200, answer.text
        if widget["type"] == "metric":
            assert all(set(one) == {"label", "value"} for one in answer.json())
            assert all(isinstance(value, str) for one in answer.json() for value in one.values())
            continue
        assert widget["type"] == "table"
        rows = answer.json()[widget["data"]["dataKey"]]
        assert len(rows) >= 50
        table = widget["data"]["table"]
        for row in rows:
            assert not any(isinstance(value, dict | list) for value in row.values())
            for column in table["columnsDefs"]:
                assert isinstance(row[column["field"]], KINDS[column["cellDataType"]]), (name, column)
        drawn = table.get("chartView", {"cellRangeCols": {}})["cellRangeCols"].get("line", [])
        assert set(drawn) <= {one["field"] for one in table["columnsDefs"]}


def test_each_parameter_is_one_of_rest(client: TestClient) -> None:
    paths = client.get(f"{API}/openapi.json").json()["paths"]
    for widget in client.get(f"{API}/widgets.json").json().values():
        known = {one["name"] for one in paths[f"{API}/{widget['endpoint']}"]["get"].get("parameters", ())}
        assert {one["paramName"] for one in widget["params"]} <= known


def test_the_page_has_every_widget_once(client: TestClient) -> None:
    for place in ("/", f"{API}/"):
        (page,) = client.get(f"{place}apps.json").json()
        widgets = client.get(f"{place}widgets.json").json()
        layout = [one for tab in page["tabs"].values() for one in tab["layout"]]
        assert sorted(one["i"] for one in layout) == sorted(widgets)
        assert {one for group in page["groups"] for one in group["widgetIds"]} <= widgets.keys()
        cells = [
            (x, y)
            for one in layout
            for x in range(one["x"], one["x"] + one["w"])
            for y in range(one["y"], one["y"] + one["h"])
        ]
        assert len(cells) == len(set(cells))
        assert max(x for x, _ in cells) < 40


def test_bars_by_a_query_are_those_by_a_path(client: TestClient, resident: Resident) -> None:
    symbol = resident.scan().symbols[0]
    asked = {"columns": "rsi_14", "sessions": "5"}
    by_query = client.get(f"{API}/bars", params={**asked, "symbol": symbol})
    assert by_query.json() == client.get(f"{API}/symbols/{symbol}/bars", params=asked).json()
    assert client.get(f"{API}/bars", params={"symbol": "NOPE"}).status_code == 404


def test_widgets_take_the_token(opened: TestClient) -> None:
    for path in ("/widgets.json", "/apps.json", f"{API}/widgets.json", f"{API}/status"):
        assert opened.get(path).status_code == 401
        assert opened.get(path, headers=BEARER).status_code == 200


def test_a_named_origin_reads_with_a_bearer(opened: TestClient) -> None:
    asks = {
        "origin": THERE,
        "access-control-request-method": "GET",
        "access-control-request-headers": "authorization",
    }
    for path in ("/widgets.json", f"{API}/scan"):
        before = opened.options(path, headers=asks)  # a browser sends no token with it
        assert before.status_code == 204
        assert before.headers["access-control-allow-origin"] == THERE
        assert "authorization" in before.headers["access-control-allow-headers"].lower()
        assert before.headers["access-control-allow-methods"] == "GET, HEAD"
        assert "access-control-allow-private-network" not in before.headers
        more = {"origin": THERE, "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}
        answer = opened.get(path, headers={**BEARER, **more})
        assert answer.status_code == 200
        refused = opened.get(path, headers={**more, "authorization": "Bearer wrong-wrong-wrong"})
        assert refused.status_code == 401
        for one in (before, answer, refused):
            assert one.headers["access-control-allow-origin"] == THERE
            assert "access-control-allow-credentials" not in one.headers
            assert "origin" in one.headers["vary"].lower()
    own = {**asks, "access-control-request-private-network": "true"}
    assert opened.options("/widgets.json", headers=own).headers["access-control-allow-private-network"] == "true"


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://pro.openbb.co",
        "https://pro.openbb.co:444",
        "https://pro.openbb.co.evil.example",
        "https://evil.pro.openbb.co",
        "https://pro.openbb.co/",
        "HTTPS://PRO.OPENBB.CO",
        "*",
        "",
    ],
)
def test_no_other_origin_reads(opened: TestClient, origin: str) -> None:
    asks = {"origin": origin, "access-control-request-method": "GET"}
    for answer in (
        opened.options(f"{API}/scan", headers=asks),
        opened.get(f"{API}/scan", headers={**BEARER, "origin": origin}),
    ):
        assert answer.status_code == 403
        assert not any(name.startswith("access-control") for name in answer.headers)


def test_a_named_origin_does_no_more_than_read(opened: TestClient) -> None:
    there = {"origin": THERE}
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        asks = {**there, "access-control-request-method": method}
        assert opened.options(f"{API}/jobs", headers=asks).status_code == 403
        assert opened.request(method, f"{API}/jobs", headers={**there, **BEARER}).status_code == 403
    for path in ("/", "/static/app.js", "/mcp/"):
        asks = {**there, "access-control-request-method": "GET"}
        assert opened.options(path, headers=asks).status_code == 403
        assert opened.get(path, headers={**there, **BEARER}).status_code == 403
    # Cookies of a browser that is let in here say nothing of a page there.
    assert opened.get(f"{API}/scan", headers={**there, **COOKIE}).status_code == 401
    assert opened.get(f"{API}/scan", headers={**there, **BEARER, "host": "evil.example"}).status_code == 421


def test_nobody_is_named_unless_somebody_is(client: TestClient) -> None:
    asks = {"origin": THERE, "access-control-request-method": "GET"}
    answers = (client.options(f"{API}/scan", headers=asks), client.get(f"{API}/scan", headers={"origin": THERE}))
    for answer in answers:
        assert answer.status_code == 403
        assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "",
        "pro.openbb.co",
        "https://*.openbb.co",
        "https://pro.openbb.co/x",
        "https://a@b",
        "https://x:0",
    ],
)
def test_origins_are_exact(origin: str) -> None:
    with pytest.raises(OptionError, match="is no origin"):
        Serving(token=TOKEN, origins=(origin,))


def test_an_origin_needs_a_token() -> None:
    with pytest.raises(OptionError, match="with a token alone"):
        Serving(token="", origins=(THERE,))
    assert Serving(token=TOKEN, origins=("http://localhost:1420", "http://[::1]:80")).origins
