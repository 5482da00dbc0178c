"""The page's table beside the same rows in AG Grid and in Streamlit: opened, filtered by words, sorted; in one run.

    npm pack ag-grid-community && tar xzf ag-grid-community-*.tgz     # makes package/
    python -m venv others && others/bin/pip install streamlit
    python -m benchmarks.tables --store DIR --ag-grid package --streamlit others/bin/python

CPU is that of the browser's main thread until what was asked for is painted, wall what a person waits; medians of
the runs. Our page draws chart, reasons and coverage too, the others their table alone. AG Grid gets its rows as JSON,
as its own examples do, and Streamlit the frame; both are served from this machine. Streamlit filters on its server,
as its scripts do.
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import page

if TYPE_CHECKING:
    import polars as pl
    from playwright.sync_api import Browser

    from tests.web.browser import Looked

#: What the page shows of a row, but for the small picture.
COLUMNS = ("ret_1", "ret_5", "ret_21", "ret_252", "rsi_14", "relative_volume_20", "from_high_252")
SHOWN = ("rank", "symbol", "name", "sector", "score", "close", *COLUMNS, "stop", "target", "shares", "risk")

_AG_GRID = """<!doctype html><meta charset="utf-8"><style>html, body, #grid { height: 100%; margin: 0 }</style>
<input id="word"><div id="grid"></div><script src="/package/dist/ag-grid-community.min.js"></script><script>
fetch("/rows.json").then((found) => found.json()).then((rows) => {
  const columns = Object.keys(rows[0]).map((field) => ({ field }));
  const api = agGrid.createGrid(document.querySelector("#grid"), { columnDefs: columns, rowData: rows });
  document.querySelector("#word").oninput = (event) => api.setGridOption("quickFilterText", event.target.value);
});</script>"""

_STREAMLIT = """import pandas, streamlit
streamlit.set_page_config(layout="wide")
read = streamlit.cache_data(pandas.read_parquet)
rows = read({path!r})
word = streamlit.text_input("word").lower()
if word:
    texts = rows["symbol"] + " " + rows["name"].fillna("") + " " + rows["sector"].fillna("")
    rows = rows[texts.str.lower().str.contains(word, regex=False)]
streamlit.text(f"{{len(rows)}} rows for [{{word}}]")
streamlit.dataframe(rows, height=700, hide_index=True)
"""
#: Its header's row, and where in it the column `close` lies.
_HEADER = (480, 15)


def main() -> None:
    """Measure all three, and print a line for each thing that a person does."""
    from tapescan.api.resident import Asked, Resident
    from tests.web.browser import browser_of, served

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", default=None, help="a store; the simulated market without one")
    parser.add_argument("--ag-grid", type=Path, help="the unpacked package")
    parser.add_argument("--streamlit", type=Path, help="a Python that has it")
    parser.add_argument("--runs", type=int, default=10)
    given = parser.parse_args()
    resident = Resident(given.store, models=False)
    rows = resident.scan(Asked(features=COLUMNS)).best(20_000).select(SHOWN)
    page.say_line(f"{len(rows):,} rows, {rows.width} columns")
    with tempfile.TemporaryDirectory() as folder, browser_of() as browser:
        with served(resident) as address:
            measure("tapescan", browser, address, given.runs, page.open_scan, page.quick, page.sort, chosen)
        if given.ag_grid:
            with ag_grid(Path(folder), given.ag_grid.resolve(), rows) as address:
                measure("AG Grid", browser, address, given.runs, open_ag_grid, filter_ag_grid, sort_ag_grid)
        if given.streamlit:
            with streamlit(Path(folder), given.streamlit.absolute(), rows) as address:
                measure("Streamlit", browser, address, given.runs, open_streamlit, filter_streamlit, sort_streamlit)


def measure(
    name: str,
    browser: Browser,
    address: str,
    runs: int,
    opened: Callable[[Looked], None],
    filtered: Callable[[Looked, int], float | None],
    ordered: Callable[[Looked, int], float | None],
    ready: Callable[[Looked], None] = lambda _: None,
) -> None:
    """Each thing so often, of a page that was opened before. ready : what is done to that first."""
    from tests.web.browser import Looked

    def looked() -> Looked:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        found = Looked(context.new_page(), address)
        found.page.set_default_timeout(60_000)
        return found

    loads = []
    for _ in range(runs + 1):
        seen = looked()
        loads.append(page.measured(page.meter_of(seen), partial(opened, seen)))
        seen.page.context.close()
    page.say(f"{name}: open", loads[1:])
    seen = looked()
    opened(seen)
    ready(seen)
    seen.page.wait_for_timeout(2500)
    meter = page.meter_of(seen)
    for what, how in (("filter", filtered), ("sort", ordered)):
        page.say(f"{name}: {what}", [page.measured(meter, partial(how, seen, run)) for run in range(runs)])
    seen.page.context.close()


def chosen(seen: Looked) -> None:
    """A symbol is chosen, so that no other one's chart comes with each order."""
    seen.page.keyboard.press("j")


@contextmanager
def ag_grid(folder: Path, package: Path, rows: pl.DataFrame) -> Iterator[str]:
    """A folder with the page, the rows and the library, served."""
    (folder / "index.html").write_text(_AG_GRID)
    rows.write_json(folder / "rows.json")
    (folder / "package").symlink_to(package)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its own name for it)
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


def open_ag_grid(seen: Looked) -> None:
    seen.page.goto(seen.address)
    seen.page.locator(".ag-row").first.wait_for()


def filter_ag_grid(seen: Looked, run: int) -> float:
    act = """const field = document.querySelector("#word"); field.value = given;
        field.dispatchEvent(new Event("input"));"""
    return page.done(seen, act, page.WORDS[run % len(page.WORDS)], ".ag-body-viewport", "childList")


def sort_ag_grid(seen: Looked, run: int) -> float:
    act = """document.querySelector(`.ag-header-cell[col-id=${given}] .ag-header-cell-label`).click();"""
    return page.done(seen, act, ("close", "score")[run % 2], ".ag-body-viewport", "childList")


@contextmanager
def streamlit(folder: Path, python: Path, rows: pl.DataFrame) -> Iterator[str]:
    """Its own server, of a script that shows the frame."""
    rows.write_parquet(folder / "rows.parquet")
    script = folder / "shown.py"
    script.write_text(_STREAMLIT.format(path=str(folder / "rows.parquet")))
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    terms = {"server.headless": "true", "server.port": port, "browser.gatherUsageStats": "false"}
    command = [
        str(python),
        "-m",
        "streamlit",
        "run",
        str(script),
        *(f"--{key}={value}" for key, value in terms.items()),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        address = f"http://127.0.0.1:{port}/"
        try:
            for _ in range(600):
                try:
                    urllib.request.urlopen(f"{address}_stcore/health", timeout=1.0).close()  # noqa: S310 (our own)
                    break
                except (urllib.error.URLError, OSError):
                    time.sleep(0.1)
            yield address
        finally:
            process.terminate()


def first_cell(seen: Looked) -> str:
    """What stands in the first row: a canvas has its texts for those who hear them."""
    return seen.page.locator('[role="gridcell"]').first.text_content() or ""


def open_streamlit(seen: Looked) -> None:
    seen.page.goto(seen.address)
    seen.page.locator('[role="gridcell"]').first.wait_for(state="attached")


def filter_streamlit(seen: Looked, run: int) -> None:
    word = page.WORDS[run % len(page.WORDS)]
    field = seen.page.locator("input[type=text]").first
    field.fill(word)
    field.press("Enter")
    seen.page.get_by_text(f"rows for [{word}]").wait_for()
    seen.page.wait_for_timeout(80)


def sort_streamlit(seen: Looked, run: int) -> None:  # noqa: ARG001 (each click turns the order)
    from tests.web.browser import until

    before = first_cell(seen)
    box = seen.page.locator("canvas").first.bounding_box()
    assert box is not None
    seen.page.mouse.click(box["x"] + _HEADER[0], box["y"] + _HEADER[1])
    until(lambda: first_cell(seen) != before, 20.0)


if __name__ == "__main__":
    main()
