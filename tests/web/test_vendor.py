"""What others wrote: as it was taken, small, with its licence, and in the package that is installed."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from tapescan.interfaces.web import pages

STATIC = Path(pages.__file__).parent / "static"
VENDOR = STATIC / "vendor"
#: Bytes of all that a browser loads of it.
MOST = 450_000


def test_files_are_those_that_were_taken() -> None:
    lines = (VENDOR / "README.txt").read_text(encoding="utf-8").splitlines()
    said = {line[66:]: line[:64] for line in lines if re.match(r"[0-9a-f]{64}  ", line)}
    there = {path.name for path in VENDOR.iterdir() if path.suffix in {".js", ".css"}}
    assert set(said) == there
    for name, digest in said.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest, name
    assert sum((VENDOR / name).stat().st_size for name in there) <= MOST


def test_each_has_its_licence() -> None:
    for path in VENDOR.glob("*.js"):
        assert (VENDOR / f"{path.stem}.LICENSE.txt").stat().st_size > 500, path.name
    notice = (VENDOR / "lightweight-charts.NOTICE.txt").read_text(encoding="utf-8")
    assert "TradingView" in notice


def test_the_package_holds_them() -> None:
    """Served from the installed package, and by no build step: what stands in the folder is what goes out."""
    served = pages.files()
    for path in VENDOR.glob("*"):
        assert (f"vendor/{path.name}" in served) == (path.suffix != ".ts"), path.name


def test_no_text_becomes_markup() -> None:
    """Names come from vendors and users; of our own files none makes elements from text, or code."""
    for path in sorted(STATIC.glob("*.js")):
        text = path.read_text(encoding="utf-8")
        found = re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|srcdoc", text)
        assert not found, f"{path.name}: {found}"
        assert text.startswith("// @ts-check\n"), path.name
        assert len(text.splitlines()) <= 400, path.name
        assert max(map(len, text.splitlines())) <= 118, path.name
