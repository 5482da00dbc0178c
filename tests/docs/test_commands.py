"""Every command in the README, in getting started and in the guides runs, in order, as a reader would run it.

A page gets a folder of its own with the files that it names; a page about adding something gets a copy of the
checkout. Its ``sh`` and ``python`` blocks run there one after the other; variables that a block exports are there
in the next. A block with ``<!-- file: NAME -->`` before it is written to that file. One with
``<!-- not run: why -->`` is left out, and counted.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, Block, blocks
from tests.docs.world import World
from tests.fakes import KEY

#: Pages on which the reader makes the store; all others find one.
MAKE_THEIR_STORE = {"README.md", "getting-started.md", "own-data.md"}

#: What is run of a page.
RUN = {"sh", "python"}

#: What a fence may hold: what is run, what is shown of a file, and what a program prints.
LANGUAGES = {"sh", "python", "toml", "text", ""}

#: Blocks that are left out, in all.
LEFT_OUT = 14

#: Pages whose commands take long.
SLOW = {
    *("adding-a-column.md", "adding-a-learner.md", "adding-a-table.md", "adding-a-vendor.md"),
    *("adding-an-indicator.md", "breadth.md", "cluster.md", "first-scan.md", "live.md", "models.md", "options.md"),
    *("README.md", "web.md", "alerts.md", "own-data.md", "programs.md", "replay.md", "screens.md"),
}

#: Seconds for one block.
PATIENCE = 300


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("docs"))


@pytest.fixture(scope="module")
def store(world: World) -> Path:
    """A store of the world's files, that pages begin with."""
    place = world.folder / "filled"
    world.lay_out(place)
    with world.environment(place) as variables:
        words = ["tapescan", "import", "daily", "splits.csv", "listing.csv", "--store", "market"]
        done = subprocess.run(words, cwd=place, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return place / "market"


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, id=page.name, marks=[pytest.mark.long] * (page.name in SLOW)) for page in PAGES],
)
def test_the_commands_of_a_page_run(page: Path, world: World, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    found = [block for block in blocks(page) if not block.not_run]
    if not any(block.language in RUN for block in found):
        assert page.name == "index.md", f"{page.name} holds nothing to run"
        return
    made = None if page.name in MAKE_THEIR_STORE else request.getfixturevalue("store")
    world.lay_out(tmp_path, store=made, checkout=page.name.startswith("adding-"))
    failures: list[str] = []
    with world.environment(tmp_path) as variables:
        for block in found:
            failures += _run(block, tmp_path, variables)
    assert not failures, "\n\n".join(failures)


def test_what_is_not_run_says_why_and_is_little() -> None:
    left_out = [block for page in PAGES for block in blocks(page) if block.not_run]
    listed = "\n".join(f"{block.place}: {block.not_run}" for block in left_out)
    sys.stdout.write(f"{len(left_out)} blocks are not run:\n{listed}\n")
    assert len(left_out) == LEFT_OUT, listed
    assert all(len(block.not_run) > 10 for block in left_out), listed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_command_hides_from_being_run(page: Path) -> None:
    for block in blocks(page):
        assert block.language in LANGUAGES, f"{block.place}: write sh or python"
        # What stands before it may fail without bash noticing.
        assert block.not_run or block.language != "sh" or "&&" not in block.code, block.place
        if block.language in {"text", ""}:
            assert not re.search(r"^\s*(\$|tapescan |pip |python |import |pytest )", block.code, re.M), block.place
    # A block by indentation has no language, and would not be found.
    outside = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    assert not re.search(r"^ {4,}(\$|tapescan |pip |python |pytest )", outside, re.M)


def test_a_command_that_fails_is_seen(world: World, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```sh\nexport WORD=said\n```\n\n```sh\ntest $WORD = said\ntapescan scan --store nowhere | cat\n```\n\n"
        "<!-- not run: needs a year\nof waiting -->\n```python\nraise SystemExit(3)\n```\n\n```python\n1 / 0\n```\n"
    )
    one, two, three, four = blocks(page)
    assert three.not_run == "needs a year of waiting"
    assert four.file == four.not_run == ""
    assert (one.line, four.line) == (2, 17)
    world.lay_out(tmp_path / "there")
    with world.environment(tmp_path / "there") as variables:
        assert not list(_run(one, tmp_path / "there", variables))
        (failure,) = _run(two, tmp_path / "there", variables)
        assert "there is no store at nowhere" in failure
        (failure,) = _run(four, tmp_path / "there", variables)
        assert "ZeroDivisionError" in failure


def _run(block: Block, place: Path, variables: dict[str, str]) -> Iterator[str]:
    """Run a block in a folder, with these variables, to which it may add. Yields what is wrong with it."""
    if block.file:
        path = place / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.code, encoding="utf-8")
        return
    if block.language not in RUN:
        return
    # What a reader puts where the page has dots.
    code = re.sub(r"(_KEY=)\.\.\.", rf"\g<1>{KEY}", block.code)
    state = place / ".variables"
    if block.language == "sh":
        words = ["bash", "-euo", "pipefail", "-c", f'{code}\nenv -0 > "{state}"']
    else:
        script = place / ".blocks" / f"line_{block.line}.py"
        script.parent.mkdir(exist_ok=True)
        script.write_text(code, encoding="utf-8")
        words = ["python", str(script)]
    try:
        done = subprocess.run(
            words, cwd=place, env=variables, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        yield f"{block.place}: not done after {PATIENCE} s\n{code}"
        return
    if done.returncode or "Traceback" in done.stderr:
        yield f"{block.place}: exit code {done.returncode}\n{code}\n{done.stdout[-1000:]}{done.stderr[-2000:]}"
    elif block.language == "sh":
        for pair in filter(None, state.read_text().split("\0")):
            name, _, text = pair.partition("=")
            variables[name] = text
