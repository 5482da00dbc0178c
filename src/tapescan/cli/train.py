"""`tapescan train`, `evaluate` and `models`: models made of a store's own market, judged, and what they are worth."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from tapescan.cli.console import notes, output, progress_line
from tapescan.errors import OptionError
from tapescan.settings import load_settings
from tapescan.store import Store

__all__ = ["evaluate", "models", "train"]

StoreOption = Annotated[str, typer.Option(help="Folder or URL of the store.")]
FolderOption = Annotated[
    str, typer.Option("--models", metavar="DIR", help="[default: models, in the store's folder]")
]


def train(
    store: StoreOption = "",
    horizons: Annotated[str, typer.Option(help="Sessions to look ahead.")] = "5,10",
    start: Annotated[str, typer.Option("--from", metavar="DATE", help="[default: all history]")] = "",
    end: Annotated[str, typer.Option("--to", metavar="DATE", help="[default: the newest session]")] = "",
    folds: Annotated[int, typer.Option(min=1, max=50, help="Test windows of the walk-forward.")] = 5,
    every: Annotated[int, typer.Option(min=1, max=63, help="Sessions between two samples of a symbol.")] = 5,
    cost: Annotated[float, typer.Option(min=0.0, help="Basis points of each purchase or sale.")] = 10.0,
    paths: Annotated[bool, typer.Option(help="Train the combinatorial folds as well (15 more trainings).")] = True,
    device: Annotated[str, typer.Option(help="cpu or cuda. [default: the setting device, else cpu]")] = "",
    folder: FolderOption = "",
) -> None:
    """Train a model for each horizon on the store's own market, and judge it out of sample before it may count."""
    from tapescan.models.learning import Settings, record_of
    from tapescan.models.report import table
    from tapescan.models.training import Recipe, check_device
    from tapescan.training import model_folder, train_models

    chosen = check_device(device or load_settings().device)
    opened = _opened(store)
    place = model_folder(opened, folder)
    with progress_line() as progress:
        learnt = train_models(
            opened,
            horizons=_horizons(horizons),
            start=_date(start, "--from"),
            end=_date(end, "--to"),
            folder=place,
            recipe=Recipe(device=chosen),
            settings=Settings(folds, every, cost, paths),
            progress=lambda done, total, what: progress(what, done, total),
        )
    output().print(table([record_of(one) for one in learnt]), markup=False, soft_wrap=True)
    output().print(
        f"stored in {place}; `tapescan evaluate --html report.html` draws it", markup=False, soft_wrap=True
    )


def evaluate(
    store: StoreOption = "",
    folder: FolderOption = "",
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a report with plots there.")] = None,
    unseen: Annotated[
        bool, typer.Option("--unseen", help="Judge the models as they stand on the sessions since their training.")
    ] = False,
    cost: Annotated[
        float, typer.Option(min=0.0, help="With --unseen: basis points of each purchase or sale.")
    ] = 10.0,
) -> None:
    """The out-of-sample record of the stored models, beside momentum, reversal and a ridge regression."""
    from tapescan.models.cards import read_cards
    from tapescan.models.record import read_records
    from tapescan.models.report import table, unseen_table, write_html
    from tapescan.training import judge_stored, model_folder

    opened = _opened(store)
    if unseen:
        if html is not None:
            raise OptionError("--unseen and --html are both given", "the page draws the record of the training only")
        with progress_line() as progress:
            found = judge_stored(
                opened, folder=folder, cost=cost, progress=lambda done, total, what: progress(what, done, total)
            )
        output().print(unseen_table(found), markup=False, soft_wrap=True)
        return
    place = model_folder(opened, folder)
    records = read_records(place)
    digests = {one.card.horizon: one.card.digest for one in read_cards(place)[0]}
    others = [str(one.horizon) for one in records if one.trained.get("trees") != digests.get(one.horizon)]
    if others:
        notes((f"not of the models that a scan would use: the records of {', '.join(others)} sessions; train again",))
    output().print(table(records), markup=False, soft_wrap=True)
    if html is not None:
        write_html(records, html)
        output().print(f"written to {html}", markup=False, soft_wrap=True)


def models(store: StoreOption = "", folder: FolderOption = "") -> None:
    """List the stored models: what they were trained on, what they are worth, and which are refused and why."""
    from tapescan.models.cards import read_cards
    from tapescan.training import model_folder

    place = model_folder(_opened(store), folder)
    stored, refused = read_cards(place)
    console = output()
    if not stored and not refused:
        console.print(f"{place} holds no models; `tapescan train` makes some", markup=False, soft_wrap=True)
        return
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("model", "horizon", "trained on", "samples", "rank IC", "t", "weight"):
        shown.add_column(title, no_wrap=True)
    for one in stored:
        card, own = one.card, one.card.metrics.get("model", {})
        shown.add_row(
            card.name,
            f"{card.horizon} sessions",
            f"{card.first} to {card.last}",
            f"{card.rows:,}",
            _number(own.get("rank_ic"), "{:+.4f}"),
            _number(own.get("t"), "{:+.1f}"),
            f"{card.weight:.2f}",
        )
    console.print(shown)
    for one in stored:
        console.print(f"{one.card.name}: {one.card.reason}", markup=False, soft_wrap=True)
    for bad in refused:
        console.print(f"{bad.name}: refused: {bad.reason}", markup=False, soft_wrap=True)


def _opened(store: str) -> Store:
    place = store or load_settings().store
    if not place:
        raise OptionError("no store is named", "add --store DIR, or set TAPESCAN_STORE")
    return Store(place)


def _horizons(text: str) -> tuple[int, ...]:
    try:
        found = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise OptionError(f"--horizons {text!r}", "write sessions with commas between: 5,10") from error
    if not found or min(found) < 1 or len(set(found)) < len(found):
        raise OptionError(f"--horizons {text!r}", "write different numbers of sessions with commas between: 5,10")
    return found


def _date(text: str, option: str) -> dt.date | None:
    if not text:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise OptionError(f"{option} {text!r} is no date", "write it as YYYY-MM-DD") from error


def _number(value: float | None, style: str) -> str:
    return "-" if value is None else style.format(value)
