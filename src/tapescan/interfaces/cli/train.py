"""`tapescan train`, `evaluate` and `models`: models made of a store's own market, judged, and what they are worth."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer
from rich.table import Table

from tapescan.core.dates import parse_date
from tapescan.core.errors import InputError, OptionError
from tapescan.core.settings import Device
from tapescan.interfaces.cli.cones import cone_lines, cone_table, network_lines
from tapescan.interfaces.cli.console import notes, output, progress_line
from tapescan.interfaces.cli.engines import AddressOption, EngineOption, named_engine
from tapescan.interfaces.cli.stores import existing_store, store_place
from tapescan.models.learners import CONE, DEFAULT, find_learner, kinds
from tapescan.store import Store

if TYPE_CHECKING:
    from tapescan.engine.seam import Engine

__all__ = ["evaluate", "models", "train"]

StoreOption = Annotated[str, typer.Option(help="Folder or URL of the store.")]
#: Horizons and costs where none are named.
AHEAD, COST = "5,10", 10.0

FolderOption = Annotated[
    str, typer.Option("--models", metavar="DIR", help="[default: models, in the store's folder]")
]


def train(
    store: StoreOption = "",
    learner: Annotated[
        str, typer.Option(metavar="NAME", help=f"What learns: {', '.join(kinds())}; {CONE} for ranges.")
    ] = DEFAULT,
    horizons: Annotated[str, typer.Option(metavar="LIST", help="Sessions to look ahead, commas between.")] = AHEAD,
    start: Annotated[str, typer.Option("--from", metavar="DATE", help="[default: all history]")] = "",
    end: Annotated[str, typer.Option("--to", metavar="DATE", help="[default: the newest session]")] = "",
    folds: Annotated[
        int | None, typer.Option(min=1, max=50, help="Test windows of the walk-forward. [default: 5; of a cone 3]")
    ] = None,
    every: Annotated[int, typer.Option(min=1, max=63, help="Sessions between two dates that are trained on.")] = 5,
    judged: Annotated[
        int, typer.Option(min=1, max=63, help="Sessions between two dates that are judged, a part of --every.")
    ] = 1,
    cost: Annotated[
        float, typer.Option(help="Basis points of each purchase or sale at $50 million a session; more below.")
    ] = COST,
    paths: Annotated[
        bool | None,
        typer.Option(
            "--paths/--no-paths",
            help="Train the combinatorial folds as well, 15 more trainings. [default: of a model that counts]",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda. [default: the setting, where the learner can]")] = "",
    engine: EngineOption = "",
    address: AddressOption = "",
    folder: FolderOption = "",
    recalibrate: Annotated[
        bool, typer.Option("--recalibrate", help="Only hold the stored cone against what came since.")
    ] = False,
    beside: Annotated[
        str, typer.Option(metavar="NAME", help="Judge another beside the cone, on the same returns: xgboost.")
    ] = "",
) -> None:
    """Train a model for each horizon on the store's own market, and judge it out of sample before it may count.

    It takes some years of history, and minutes: about 4 for 2,000 symbols and 8 years, three times that with --paths.
    The cone takes seconds: ranges of coming closes, which a scan has as columns (range_5_low).
    """
    from tapescan.models.cone.train import FOLDS, recalibrate_cone, train_cone
    from tapescan.models.report.page import table
    from tapescan.models.stored import model_folder, stored_models, train_models
    from tapescan.models.train import record_of

    opened = existing_store(store_place(store))
    ahead = _horizons(horizons)
    if device not in ("", *get_args(Device)):
        raise OptionError(f"device {device!r}", f"expected {' or '.join(get_args(Device))}")
    place = model_folder(opened, folder)
    if recalibrate and learner != CONE:
        raise OptionError(f"--recalibrate is of the cone, and --learner is {learner}", "give --learner cone")
    if beside and (recalibrate or learner != CONE):
        raise OptionError("--beside is of the training of a cone", "give --learner cone, without --recalibrate")
    if learner == CONE:
        if (horizons, judged, cost, paths, device) != (AHEAD, 1, COST, None, ""):
            raise OptionError(
                "a cone has horizons of its own, is judged on all its dates, and has no costs and no use of a device",
                "leave out --horizons, --judged, --cost, --paths and --device",
            )
        with progress_line() as progress:
            last = parse_date(end or None, "end")
            if recalibrate:
                card = recalibrate_cone(opened, end=last, folder=folder, progress=progress)
            else:
                card = train_cone(
                    opened,
                    start=parse_date(start or None, "start"),
                    end=last,
                    folds=folds or FOLDS,
                    every=every,
                    folder=place,
                    others=(beside,) if beside else (),
                    progress=progress,
                )
        output().print(cone_table(card))
        for line in (*cone_lines(card), f"stored in {place}"):
            output().print(line, markup=False, soft_wrap=True)
        return
    if device == "cuda" and getattr(find_learner(learner).prepare(None, "cuda"), "device", device) == "cpu":
        notes((f"no GPU is found here: {learner} is trained on the CPU",))
    with progress_line() as progress:
        learnt = train_models(
            opened,
            learner=learner,
            horizons=ahead,
            start=parse_date(start or None, "start"),
            end=parse_date(end or None, "end"),
            folds=folds or 5,
            every=every,
            judged=judged,
            cost=cost,
            paths=paths,
            device=cast("Device", device) if device else None,
            folder=place,
            engine=named_engine(engine, address),
            progress=progress,
        )
    output().print(table([record_of(one) for one in learnt]), markup=False, soft_wrap=True)
    for found in stored_models(opened, place).ranges:
        if found.card is not None and found.card.kind == learner:
            for line in network_lines(found.card):
                output().print(line, markup=False, soft_wrap=True)
    given = {"--store": store, "--models": folder}
    named = "".join(f" {option} {shlex.quote(text)}" for option, text in given.items() if text)
    output().print(
        f"stored in {place}; `tapescan evaluate{named} --html report.html` draws it", markup=False, soft_wrap=True
    )


def evaluate(
    store: StoreOption = "",
    folder: FolderOption = "",
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a report with plots there.")] = None,
    unseen: Annotated[
        bool, typer.Option("--unseen", help="Judge the models as they stand on the sessions since their training.")
    ] = False,
    chances: Annotated[
        str,
        typer.Option(metavar="PROFILE", help="Hold prob_stop and prob_target against what came of its plans."),
    ] = "",
    cost: Annotated[float, typer.Option(help="With --unseen: basis points of each purchase or sale.")] = 10.0,
    engine: EngineOption = "",
    address: AddressOption = "",
) -> None:
    """The out-of-sample record of the stored models, beside momentum, reversal and a ridge regression."""
    from tapescan.models.cone.record import ranges_beside
    from tapescan.models.cone.train import stored_cone
    from tapescan.models.registry.record import holds_records, read_records
    from tapescan.models.report.page import table, write_html
    from tapescan.models.report.ranges import ranges_text
    from tapescan.models.stored import model_folder, stored_models

    opened = existing_store(store_place(store))
    if (engine or address) and not (chances or unseen):
        raise OptionError("--engine runs nothing: the record is there", "give --unseen or --chances, or leave it out")
    if chances:
        if html is not None or unseen:
            raise OptionError("--chances stands alone", "leave out --html and --unseen")
        _chances(opened, chances, named_engine(engine, address))
        return
    cone = stored_cone(opened, folder).card
    if unseen:
        if html is not None:
            raise OptionError("--unseen and --html are both given", "the page draws the record of the training only")
        _unseen(opened, folder, cost, named_engine(engine, address), with_cone=cone is not None)
        return
    place = model_folder(opened, folder)
    ranges = ranges_beside(place, cone)
    if cone is not None:
        output().print(cone_table(cone))
        for line in cone_lines(cone):
            output().print(line, markup=False, soft_wrap=True)
    if ranges:
        output().print("\n" + ranges_text(ranges), markup=False, soft_wrap=True)
    alone = cone is not None and (ranges or html is None) and not holds_records(place)
    records = [] if alone else read_records(place)
    found = stored_models(opened, folder).models
    digests = {one.card.name: one.card.digest for one in found}
    others = [one.name for one in records if one.trained.get("digest") != digests.get(one.name)]
    if others:
        notes((f"not of the models that a scan would use: the records of {', '.join(others)}; train again",))
    notes(tuple(one.verdict[1] for one in found if one.verdict[1] != one.card.reason))
    if html is not None:
        write_html(records, html, ranges)
    if records:
        output().print(table(records), markup=False, soft_wrap=True)
    if html is not None:
        output().print(f"written to {html}", markup=False, soft_wrap=True)


def _unseen(store: Store, folder: str, cost: float, engine: Engine | None, *, with_cone: bool) -> None:
    from tapescan.models.registry.record import holds_records
    from tapescan.models.report.page import unseen_table
    from tapescan.models.stored import judge_stored, model_folder

    alone = not holds_records(model_folder(store, folder))
    if with_cone and not _unseen_cone(store, folder, engine, alone=alone):
        return
    with progress_line() as progress:
        judged = judge_stored(store, folder=folder, cost=cost, engine=engine, progress=progress)
    output().print(unseen_table(judged.judged), markup=False, soft_wrap=True)
    notes(judged.notes)


def _chances(store: Store, profile: str, engine: Engine | None) -> None:
    from tapescan.replay.chances import judge_chances
    from tapescan.replay.report.chances import chances_text

    with progress_line() as progress:
        found = judge_chances(store, profile, engine=engine, progress=progress)
    output().print(chances_text(found), markup=False, soft_wrap=True)


def _unseen_cone(store: Store, folder: str, engine: Engine | None, *, alone: bool) -> bool:
    """Print what came of the cone since. Whether there is more to say: nothing where it stands alone."""
    from tapescan.models.cone.unseen import judge_cone
    from tapescan.models.report.ranges import unseen_ranges_text

    try:
        with progress_line() as progress:
            found = judge_cone(store, folder=folder, engine=engine, progress=progress)
    except InputError as error:
        if alone:
            raise
        notes((str(error),))
    else:
        output().print(unseen_ranges_text(found), markup=False, soft_wrap=True)
    return not alone


def models(store: StoreOption = "", folder: FolderOption = "") -> None:
    """List the stored models: what they were trained on, what they are worth, and which are refused and why."""
    from tapescan.models.cone.train import stored_cone
    from tapescan.models.stored import model_folder, stored_models

    opened = existing_store(store_place(store))
    found, cone = stored_models(opened, folder), stored_cone(opened, folder)
    console = output()
    if cone.card is not None:
        for line in cone_lines(cone.card):
            console.print(f"cone: {line}", markup=False, soft_wrap=True)
    elif cone.refused:
        console.print(f"cone: refused: {cone.refused}", markup=False, soft_wrap=True)
    if not found.models and not found.refused:
        if cone.card is not None or cone.refused:
            return
        place = model_folder(opened, folder)
        console.print(f"{place} holds no models; `tapescan train` makes some", markup=False, soft_wrap=True)
        return
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("model", "learner", "horizon", "trained on", "samples", "rank IC", "t", "weight"):
        shown.add_column(title, no_wrap=True)
    for one in found.models:
        card, own = one.card, one.card.metrics.get("model", {})
        shown.add_row(
            card.name,
            card.kind,
            f"{card.horizon} sessions",
            f"{card.first} to {card.last}",
            f"{card.rows:,}",
            _number(own.get("rank_ic"), "{:+.4f}"),
            _number(own.get("t"), "{:+.1f}"),
            f"{one.verdict[0]:.2f}",
        )
    console.print(shown)
    for one in found.models:
        console.print(f"{one.card.name}: {one.verdict[1]}", markup=False, soft_wrap=True)
    for stored in found.ranges:
        if stored.refused:
            console.print(f"{stored.path.name}: refused: {stored.refused}", markup=False, soft_wrap=True)
        for line in network_lines(stored.card) if stored.card is not None else ():
            console.print(line, markup=False, soft_wrap=True)
    for bad in found.refused:
        console.print(f"{bad.name}: refused: {bad.reason}", markup=False, soft_wrap=True)
    notes(found.notes)


def _horizons(text: str) -> tuple[int, ...]:
    try:
        found = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise OptionError(f"--horizons {text!r}", "write sessions with commas between: 5,10") from error
    if not found or min(found) < 1 or len(set(found)) < len(found):
        raise OptionError(f"--horizons {text!r}", "write different numbers of sessions with commas between: 5,10")
    return found


def _number(value: float | None, style: str) -> str:
    return "-" if value is None else style.format(value)
