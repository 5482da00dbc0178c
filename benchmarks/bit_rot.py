"""How much damage to a store goes unseen? Random bits flipped, and tables, logs and files removed or cut, on copies.

python benchmarks/bit_rot.py [--flips 200] [--seed 7]

Each damage is done to a fresh copy of a small store with every kind of table, which is then read whole. It counts as
seen when reading raises a StoreError, as harmless when all that is read is the same, as SILENT when it is different
and nothing is said, and as unclean when anything else is raised. ``verify`` says how many of the flips
`tapescan doctor --verify` names, whatever they do to what is read.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from tapescan.core.errors import StoreError
from tapescan.importing.importing import import_files
from tapescan.simulation.market import simulate
from tapescan.store import Store

TABLES = ("bars", "splits", "dividends", "symbols", "quarantine")


def make_store(folder: Path) -> Path:
    """Two imports that change every table, so that logs have more than one commit."""
    market = simulate(symbols=40, sessions=260, seed=3)
    bars = market.bars.select("symbol", "session", "open", "high", "low", "close", "volume")
    symbols = bars["symbol"].unique().sort().to_list()
    newest = bars["session"].max()
    store = folder / "store"
    for number in (1, 2):
        some, files = symbols[: 8 * number], folder / f"files{number}"
        files.mkdir()
        bad = bars.filter(session=newest).head(3 * number).with_columns(close=pl.lit(-1.0))
        bad = bad.with_columns(symbol="X" + pl.col("symbol"))
        shown = bars if number == 2 else bars.filter(pl.col("session") < newest)
        pl.concat([shown, bad]).write_parquet(files / "bars.parquet")
        pl.DataFrame({"symbol": some, "ex_date": newest, "ratio": 2.0}).write_parquet(files / "splits.parquet")
        pl.DataFrame({"symbol": some, "ex_date": newest, "amount": 0.5}).write_parquet(files / "dividends.parquet")
        pl.DataFrame({"symbol": some, "name": some}).write_parquet(files / "symbols.parquet")
        import_files(Store(store), sorted(files.glob("*.parquet")))
    return store


def read_all(store: Path) -> list[pl.DataFrame]:
    """All that can be read of a store, in an order of its own."""
    known = Store(store).known()
    found = [known.read(table) for table in TABLES]
    return [*(frame.sort(frame.columns) for frame in found), known.bars(adjust="total")]


def outcome(store: Path, whole: list[pl.DataFrame]) -> str:
    """Of reading a damaged copy."""
    try:
        found = read_all(store)
    except StoreError:
        return "seen"
    except BaseException as error:  # noqa: BLE001 (whatever it is, a panic among them, is what is counted)
        return f"unclean: {type(error).__name__}"
    return "harmless" if all(one.equals(other) for one, other in zip(found, whole, strict=True)) else "SILENT"


def flips(store: Path, count: int, chance: random.Random) -> Iterator[tuple[Path, int]]:
    """Files (within the store) and bits, half of them in logs and notes, which are small and matter most."""
    files = sorted(file.relative_to(store) for file in store.rglob("*") if file.is_file())
    data = [file for file in files if file.suffix == ".parquet"]
    others = [file for file in files if file.suffix != ".parquet"]
    for number in range(count):
        file = chance.choice(data if number % 2 or not others else others)
        yield file, chance.randrange((store / file).stat().st_size * 8)


def structural(store: Path) -> Iterator[tuple[str, Path, str]]:
    """What is done, to which file or folder (within the store)."""
    for table in TABLES:
        yield f"{table} removed", Path(table), "remove"
        yield f"log of {table} removed", Path(table, "_delta_log"), "remove"
        log = sorted((store / table / "_delta_log").glob("*.json"))
        data = sorted((store / table).rglob("*.parquet"))
        for file in (*log, *data):
            inside = file.relative_to(store)
            yield f"{table}: {file.suffix} removed", inside, "remove"
            for how in ("empty", "half", "zeros"):
                yield f"{table}: {file.suffix} {how}", inside, how


def damage(place: Path, how: str) -> None:
    """Remove a file or folder, or leave a file as a power cut does."""
    if how == "remove":
        shutil.rmtree(place) if place.is_dir() else place.unlink()
        return
    data = place.read_bytes()
    half = len(data) // 2
    place.write_bytes({"empty": b"", "half": data[:half], "zeros": data[:half] + bytes(len(data) - half)}[how])


def trial(flipped: int, seed: int, folder: Path) -> tuple[Counter[str], Counter[str], int]:
    """Outcomes of the flips and of the structural damages, and the flips that verifying names."""
    store = make_store(folder)
    whole, chance = read_all(store), random.Random(seed)  # noqa: S311 (seeded on purpose)
    bits, structures, named = Counter[str](), Counter[str](), 0
    for number, (file, bit) in enumerate(flips(store, flipped, chance)):
        copy = folder / f"flip{number}"
        shutil.copytree(store, copy)
        data = bytearray((copy / file).read_bytes())
        data[bit // 8] ^= 1 << bit % 8
        (copy / file).write_bytes(data)
        bits[outcome(copy, whole)] += 1
        if hasattr(Store, "verify"):
            named += bool(Store(copy).verify())
        shutil.rmtree(copy)
    for number, (what, place, how) in enumerate(structural(store)):
        copy = folder / f"structure{number}"
        shutil.copytree(store, copy)
        damage(copy / place, how)
        found = outcome(copy, whole)
        structures[found] += 1
        if found not in ("seen", "harmless"):
            sys.stdout.write(f"  {found}: {what} ({place})\n")
        shutil.rmtree(copy)
    return bits, structures, named


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flips", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bits, structures, named = trial(asked.flips, asked.seed, Path(folder))
    sys.stdout.write(f"{sum(bits.values())} bits flipped: {dict(bits)}; verify names {named}\n")
    sys.stdout.write(f"{sum(structures.values())} structural damages: {dict(structures)}\n")


if __name__ == "__main__":
    main()
