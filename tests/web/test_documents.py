"""A page's document: what a browser is told to get at once, and from addresses that change with the contents."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("fastapi", reason="the extra `web` is not installed")

from starlette.testclient import TestClient

from tapescan.interfaces.web.pages import PAGES, files

IMPORTED = re.compile(r"""(?:^import|^\}) ?[^"\n]*"\./([^"]+)";$""", re.M)


def told(client: TestClient, path: str) -> tuple[str, list[str]]:
    """The document, and the modules that it names."""
    text = client.get(path).text
    return text, re.findall(r'<link rel="modulepreload" href="([^"]+)">', text)


@pytest.mark.parametrize("path", PAGES)
def test_every_module_of_a_page_is_named_once(client: TestClient, path: str) -> None:
    text, modules = told(client, path)
    first = re.search(r'<script type="module" nonce="[\w-]+" src="([^"]+)">', text)
    assert first is not None
    assert len(modules) == len(set(modules)) > 5
    named = {first[1], *modules}
    for one in named:
        answer = client.get(one)
        assert answer.headers["content-type"].startswith("text/javascript")
        for needed in IMPORTED.findall(answer.text):
            assert f"{one.rpartition('/')[0]}/{needed}" in named, f"{one} needs {needed}"


def test_pages_get_the_modules_that_they_show(client: TestClient) -> None:
    def names(path: str) -> set[str]:
        return {one.rpartition("/")[2] for one in told(client, path)[1]}

    assert {"scan.js", "slickgrid.js", "chart.js", "lightweight-charts.js"} <= names("/")
    assert "map.js" in names("/map")
    assert {"scan.js", "slickgrid.js", "lightweight-charts.js"}.isdisjoint(names("/map"))


def test_a_file_that_changes_has_another_address(client: TestClient) -> None:
    _, modules = told(client, "/")
    answer = client.get(modules[0])
    assert "immutable" in answer.headers["cache-control"]
    name = modules[0].rpartition("/")[2]
    # A page of an older version goes on; what it gets is asked for again.
    older = client.get(f"/static/0123456789abcdef/{name}")
    assert older.content == answer.content == files()[name].content
    assert older.headers["cache-control"] == "no-cache"
    assert client.get(f"/static/elsewhere/{name}").status_code == 404
    assert client.get(f"/static/{name}", headers={"if-none-match": older.headers["etag"]}).status_code == 304


def test_what_every_page_asks_for_first_is_asked_for_by_its_document(client: TestClient) -> None:
    text, _ = told(client, "/breadth")
    asked = re.findall(r'<link rel="preload" as="fetch" crossorigin href="([^"]+)">', text)
    assert asked == ["/api/v1/overview", "/api/v1/columns", "/api/v1/screens"]
    assert all(client.get(one).status_code == 200 for one in asked)
