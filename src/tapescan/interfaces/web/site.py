"""The page as files: the same page, with answers that were asked for beforehand in the place of a server.

Resident ──(the application itself)──▶ answers/*.json, *.arrow ◀── files.js ── the page
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import re
import secrets
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import msgspec
import numpy as np

from tapescan.api.resident import Asked, Resident
from tapescan.core.errors import OptionError
from tapescan.core.files import write_at_once
from tapescan.core.progress import Progress, silent
from tapescan.core.results import plain
from tapescan.core.typing import Floats
from tapescan.interfaces.web.app import make_app
from tapescan.interfaces.web.asking import Answer, ask
from tapescan.interfaces.web.guard import Application, content_policy
from tapescan.interfaces.web.pages import document, files
from tapescan.interfaces.web.serving import Serving

__all__ = ["CHOICES", "Written", "write_site"]

#: What the page shows of a row unless it is told otherwise, and colours of its map, beside what each scan has.
COLUMNS = (
    "ret_1",
    "ret_5",
    "ret_21",
    "ret_63",
    "ret_252",
    "rsi_14",
    "relative_volume_20",
    "from_high_252",
    "dollar_volume_20",
    "market_cap",
)
#: Columns beside the bars of a chart, and how many bars.
BESIDE, BARS = ("sma_50", "sma_200", "rsi_14"), 260
#: Of each named screen's list, how many symbols have a chart and reasons.
OF_SCREEN = 10
#: Closes of a small picture in a row, and how many of the list have one.
CLOSES, PICTURED = 63, 1000
#: How long a screen's matches are held in its plot, and at which costs: what the page shows first.
HELD, COST = 5, 10

#: Parameters that choose among what a file holds, so that they name no other file (as in `files.js`).
CHOICES = frozenset({"columns", "features", "top", "sessions", "format"})
_ANSWERS = re.compile(r"answers-[0-9a-f]{8}")
_INDEX = "index.html"
#: The status of what this market cannot answer.
_REFUSED = 422


class Written(NamedTuple):
    """What a site holds. files, bytes : of all. symbols : with a chart and reasons. listed : ranked."""

    files: int
    bytes: int
    symbols: int
    listed: int


def write_site(resident: Resident, folder: Path, *, symbols: int = 200, progress: Progress = silent) -> Written:
    """Write the page with the newest session's answers: its list and those of the named screens, charts, reasons
    and past ranks of the best symbols, the map, breadth and models. Nothing of a store's place, of alerts or of jobs.

    The old answers stay until the new ones are whole: whoever looks meanwhile sees one or the other.
    symbols : so many of the list have a chart and reasons.
    Raises OptionError where the folder holds something else, FileError where it cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise OptionError(f"{folder} is a file", "name a folder", field="output")
    if folder.is_dir() and any(folder.iterdir()) and not _is_site(folder):
        raise OptionError(f"{folder} holds something else", "name a new folder, or an empty one", field="output")
    answers = Path(f"answers-{secrets.token_hex(4)}")
    (folder / answers).mkdir(parents=True)
    try:
        with asyncio.Runner() as runner:
            asked = _Asking(make_app(resident, Serving(token="")), runner, folder, answers)
            known, listed = _ask_all(asked, resident, symbols, progress)
        for name, file in files().items():
            (folder / "static" / name).parent.mkdir(parents=True, exist_ok=True)
            write_at_once(folder / "static" / name, file.content)
        write_at_once(folder / answers / "index.json", json.dumps(asked.known).encode())
        write_at_once(folder / _INDEX, _document(answers))
    except BaseException:
        shutil.rmtree(folder / answers, ignore_errors=True)
        raise
    for old in folder.iterdir():
        if _ANSWERS.fullmatch(old.name) and old.name != answers.name:
            shutil.rmtree(old)
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return Written(len(sizes), sum(sizes), known, listed)


def _is_site(folder: Path) -> bool:
    return (folder / _INDEX).is_file() and any(_ANSWERS.fullmatch(one.name) for one in folder.iterdir())


def _ask_all(asked: _Asking, resident: Resident, symbols: int, progress: Progress) -> tuple[int, int]:
    """Everything that the page asks. Returns how many symbols have a file of their own, and how many are listed."""
    whole = resident.scan()
    listed = whole.best(20_000)["symbol"].to_list()
    wanted = dict.fromkeys(listed[:symbols])
    now = f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC"
    asked.keep("/overview", {}, lambda told: {**told, "store": "", "trouble": "", "live": False, "written": now})
    profile = whole.provenance["profile"]["name"]
    asked.keep(
        "/profiles", {}, lambda told: {**told, "profiles": _only(told["profiles"], profile), "default": profile}
    )
    screens = [one for one in asked.keep("/screens", {})["screens"] if not one["error"]]
    for path in ("/columns", "/functions", "/models", "/breadth"):
        asked.keep(path, {})
    asked.keep("/scan", {"top": "1"})
    asked.table("/scan", {"features": COLUMNS, "top": "20000"})
    for reason, count in whole.coverage.dropped.items():
        if count:
            asked.table("/scan", {"dropped": reason, "top": "20000"})
    for done, one in enumerate(screens):
        progress(done, len(screens), "reading screens")
        name = one["name"]
        if asked.keep("/scan", {"screens": name, "top": "1"}) is None:
            continue  # as of options, where the market has none; the page says that no file answers it
        asked.table("/scan", {"screens": name, "features": (*COLUMNS, *one["columns"]), "top": "20000"})
        asked.table("/plot", {"where": one["where"].strip(), "horizon": str(HELD), "cost": str(COST)})
        found = resident.scan(Asked(screens=(name,)))
        wanted |= dict.fromkeys(found.best(OF_SCREEN)["symbol"].to_list())
    asked.keep("/symbols", {}, lambda told: {"rows": [one for one in told["rows"] if one["symbol"] in wanted]})
    pictured = dict.fromkeys((*listed[:PICTURED], *wanted))
    closes = resident.closes(list(pictured), CLOSES)
    asked.put("/closes", {"closes": {one: _rounded(its) for one, its in closes.items()}})
    for done, symbol in enumerate(wanted):
        progress(done, len(wanted), "reading symbols")
        path = f"/symbols/{quote(symbol, safe='')}"
        asked.keep(path, {})
        asked.keep(f"{path}/ranks", {})
        asked.keep(f"{path}/bars", {"columns": BESIDE, "sessions": str(BARS)})
    return len(wanted), len(listed)


def _rounded(closes: Floats) -> list[float | None]:
    """As a picture of 18 pixels needs them."""
    return [float(f"{one:.4g}") if np.isfinite(one) else None for one in closes]


def _only(profiles: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [one for one in profiles if one["name"] == name]


class _Asking:
    """Asks the application as a browser would, and keeps each answer as a file. known : files by what they answer."""

    def __init__(self, app: Application, runner: asyncio.Runner, folder: Path, answers: Path) -> None:
        self._app, self._runner, self._folder, self._answers = app, runner, folder, answers
        self.known: dict[str, str] = {}

    def ask(self, path: str, query: dict[str, Any]) -> Answer:
        """An answer, or why there is none. Raises RuntimeError for anything else, which would be our defect."""
        found = self._runner.run(ask(self._app, f"/api/v1{path}", urlencode(query, doseq=True)))
        if found.status not in (200, _REFUSED):
            raise RuntimeError(f"{path}: {found.status} {found.body[:300].decode(errors='replace')}")
        return found

    def keep(self, path: str, query: dict[str, Any], what: Callable[[Any], Any] = lambda told: told) -> Any:
        """JSON. Returns what is kept; None where the market has not what it would be made of."""
        found = self.ask(path, {**query, "format": "json"} if path == "/scan" else query)
        if found.status == _REFUSED:
            return None
        told = what(msgspec.json.decode(found.body))
        self._put(key(path, query, "json"), msgspec.json.encode(told), "json")
        return told

    def put(self, path: str, told: Any) -> None:
        self._put(key(path, {}, "json"), msgspec.json.encode(plain(told)), "json")

    def table(self, path: str, query: dict[str, Any]) -> None:
        """Arrow; nothing where the market has not what it would be made of."""
        found = self.ask(path, {**query, "format": "arrow"})
        if found.status != _REFUSED:
            self._put(key(path, query, "arrow"), found.body, "arrow")

    def _put(self, name: str, content: bytes, form: str) -> None:
        # Numbers: what a symbol or a screen is called is no name of a file.
        file = self._answers / f"{len(self.known):05}.{form}"
        (self._folder / file).write_bytes(content)
        self.known[name] = file.as_posix()


def key(path: str, query: dict[str, Any], form: str) -> str:
    """What a request is found by: `files.js` makes the same of it."""
    said = sorted([name, value] for name, value in query.items() if name not in CHOICES and value)
    return f"{form} {path} {json.dumps(said, ensure_ascii=False, separators=(',', ':'))}"


def _document(answers: Path) -> bytes:
    """The page's document: addresses of files beside it, and the policy that a server would send with it."""
    nonce = secrets.token_urlsafe(16)
    policy = "; ".join(content_policy(nonce))
    text = document("/", nonce, "static", (f"{answers.as_posix()}/index.json",))
    text = text.replace('<html lang="en">', f'<html lang="en" data-answers="{answers.as_posix()}/index.json">')
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    return text.replace('<meta charset="utf-8">', f'<meta charset="utf-8">\n{meta}', 1).encode()
