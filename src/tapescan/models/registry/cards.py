"""The model store: what was learnt, beside a card that says what the model is, where from, and what it is worth.

Nothing is served without its card, and a model is refused when its file is not the one the card was written for, when
its features are not those of the card, or when a feature is computed otherwise by now. There are no pickles: a
model file cannot run code. What the files are called stands in `names`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec

from tapescan import version
from tapescan.core.errors import ModelError, OptionError, TapescanError
from tapescan.core.files import held_alone, write_at_once
from tapescan.market.calendar import session_count
from tapescan.models.learners import find_learner
from tapescan.models.registry.files import decode_file, seal_of
from tapescan.models.registry.known import remember
from tapescan.models.registry.names import card_file, column_of, is_card_file, learnt_file, model_name
from tapescan.models.registry.probe import Values, check_probe
from tapescan.models.samples.labels import reach

__all__ = ["Card", "Refused", "Stored", "read_cards", "save_model", "stored_model"]

FORMAT = 3


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be known of a model.

    kind : its learner's. horizon : sessions. features : in the order of the model's columns.
    parameters : of the training. missing : how it treated a feature without a value.
    first, last : sessions of its samples. rows, symbols : how many. every : sessions between two dates that it
    was trained on; judged : and between two that it was judged on.
    store : the identity of the store that it learnt from; empty for samples of none. data : versions of its tables,
    and the samples' universe.
    metrics : out-of-sample record, the model's and each baseline's, by name. train_rank_ic : on its own training
    rows, to be seen beside the out-of-sample one.
    weight : 0 to 1, from the gate; reason : in a sentence. trials : trainings logged up to it.
    code : version of tapescan. probe : each feature's values on the probe (`registry.probe`).
    file, digest : of what was learnt. seal : digest of all the rest.
    """

    format: int = FORMAT
    kind: str
    horizon: Annotated[int, msgspec.Meta(ge=1)]
    features: tuple[str, ...]
    parameters: dict[str, Any]
    missing: str
    first: dt.date
    last: dt.date
    rows: int
    symbols: int
    every: int
    judged: int
    store: str
    data: dict[str, Any]
    metrics: dict[str, dict[str, Any]]
    train_rank_ic: float | None
    weight: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
    reason: str
    trials: int
    code: str = version.__version__
    probe: dict[str, Values]
    created_at: dt.datetime
    file: str = ""
    digest: str = ""
    seal: str = ""

    @property
    def name(self) -> str:
        """The model's name, its files' as well: ``xgboost_5``."""
        return model_name(self.kind, self.horizon)

    @property
    def column(self) -> str:
        """The column of its forecasts in a scan: ``alpha_xgboost_5``."""
        return column_of(self.name)

    def has_not_seen(self, day: dt.date) -> bool:
        """Whether its last label had ended by the close of `day`: before that it would foretell what it has seen."""
        return session_count(self.last + dt.timedelta(days=1), day) >= reach(self.horizon)

    def of_learnt(self, learnt: bytes) -> Card:
        """Bound to what was learnt, and sealed."""
        digest = hashlib.sha256(learnt).hexdigest()
        file = learnt_file(self.name, digest, find_learner(self.kind).facts.ending)
        return msgspec.structs.replace(self, digest=digest, file=file).sealed()

    def sealed(self) -> Card:
        """With its seal: a weight that somebody raised by hand does not fit it."""
        return msgspec.structs.replace(self, seal=seal_of(self))


@dataclass(frozen=True)
class Stored:
    """A model whose card and file fit each other and this code. path : of the file, not of the card."""

    card: Card
    path: Path


@dataclass(frozen=True)
class Refused:
    """A model that is not served, and why, in a sentence."""

    name: str
    reason: str


def save_model(folder: Path, card: Card, learnt: bytes) -> Stored:
    """Write what was learnt, then the card, each at once: a kill leaves the old model or the new one.

    Of two trainings that end together, one waits. Raises FileError when the folder cannot be written.
    """
    card = card.of_learnt(learnt)
    with held_alone(folder):
        write_at_once(folder / card.file, learnt)
        write_at_once(folder / card_file(card.name), msgspec.json.format(msgspec.json.encode(card), indent=1))
        for old in folder.glob(f"{card.name}-*"):
            if old.name != card.file:
                old.unlink(missing_ok=True)
    remember(card.seal)
    return Stored(card, folder / card.file)


def read_cards(folder: Path) -> tuple[list[Stored], list[Refused]]:
    """The models in a folder that may be served, by horizon and kind, and those that may not."""
    stored: list[Stored] = []
    refused: list[Refused] = []
    try:
        names = [path.name for path in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return [], []
    except OSError as error:
        return [], [Refused(str(folder), error.strerror or str(error))]
    for path in (folder / name for name in sorted(names) if is_card_file(name)):
        try:
            stored.append(_newest(path))
        except TapescanError as error:
            refused.append(Refused(path.stem, str(error)))
    return sorted(stored, key=lambda model: (model.card.horizon, model.card.kind)), refused


def _newest(path: Path) -> Stored:
    """As `stored_model`; but a training that ends meanwhile takes the old file away, and puts another card there."""
    while True:
        before = _identity(path)
        try:
            return stored_model(path)
        except ModelError:
            if _identity(path) == before:
                raise


def _identity(path: Path) -> tuple[int, int]:
    """Another number once the file is replaced; zeros when it is gone."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_ino, found.st_mtime_ns


def stored_model(path: Path) -> Stored:
    """A model by its card's path. Raises ModelError (what does not fit) or FileError (what cannot be read)."""
    card = decode_file(path, Card, "a model's card", FORMAT)
    if path.name != card_file(card.name):
        raise ModelError(f"{path}: the card of {card.name} under another name", "give it its own name back")
    try:
        find_learner(card.kind)
        check_probe(card.features, card.probe)
    except (ModelError, OptionError) as error:
        raise ModelError(f"{card.name}: {error.what}", error.hint) from error
    learnt = path.parent / Path(card.file).name
    try:
        if learnt.exists() and not learnt.is_file():
            raise ModelError(f"{card.name}: its file {learnt.name} is no plain file", "train again")
        digest = hashlib.sha256(learnt.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(
            f"{card.name}: its file {learnt.name} cannot be read: {error.strerror}", "train again"
        ) from error
    if digest != card.digest:
        raise ModelError(
            f"{card.name}: its file {learnt.name} is not the one that its card was written for",
            "it is cut short or edited; train again",
        )
    return Stored(card, learnt)
