"""A server over a small simulated market, and clients that know its token."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("fastapi", reason="the extra `web` is not installed")

from starlette.testclient import TestClient

from tapescan.api.resident import Resident
from tapescan.interfaces.web.app import make_app
from tapescan.interfaces.web.serving import Serving
from tapescan.interfaces.web.site import write_site
from tapescan.simulation.market import SimulatedMarket, simulate
from tests.web.browser import Looked, browser_of, looking, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TOKEN = "0123456789abcdef-token"
HERE = "http://localhost:8000"


@pytest.fixture(scope="package")
def simulated() -> SimulatedMarket:
    return simulate(symbols=150, sessions=330, seed=5)


@pytest.fixture(scope="package")
def resident(simulated: SimulatedMarket) -> Resident:
    return Resident(simulated, models=False)


@pytest.fixture(scope="package")
def app(resident: Resident) -> object:
    return make_app(resident, Serving(token=TOKEN, slow=0.5))


@pytest.fixture(scope="package")
def client(app: object) -> Iterator[TestClient]:
    with TestClient(app, base_url=HERE, headers={"authorization": f"Bearer {TOKEN}"}) as found:  # type: ignore[arg-type]
        yield found


@pytest.fixture
def stranger(client: TestClient, app: object) -> TestClient:
    """Who has no token. The application runs already."""
    del client
    return TestClient(app, base_url=HERE, follow_redirects=False)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def address(resident: Resident) -> Iterator[str]:
    with served(resident) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Its loop runs in this thread, so it ends with the module: other tests begin loops of their own."""
    with browser_of() as found:
        yield found


@pytest.fixture
def seen(browser: Browser, address: str) -> Iterator[Looked]:
    with looking(browser, address) as found:
        yield found


@pytest.fixture(scope="module")
def site(resident: Resident, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page") / "deep" / "site"
    written = write_site(resident, folder, symbols=12)
    assert written.symbols >= 12
    assert written.files == sum(1 for one in folder.rglob("*") if one.is_file())
    return folder
