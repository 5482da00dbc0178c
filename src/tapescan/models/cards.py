"""The model store: XGBoost's own file beside a card that says what the model is, where from, and what it is worth.

    alpha_5.json              the card; it names its model file by content
    alpha_5-1f0c9a2b77e1.ubj  the trees

Nothing is served without its card, and a model is refused when its file is not the one the card was written for,
when its features are not those of the card, or when the code that computes the features has changed since. There
are no pickles: a model file cannot run code.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import msgspec

from tapescan.errors import FileError, ModelError, TapescanError
from tapescan.indicators import compiled
from tapescan.market.calendar import session_count
from tapescan.version import __version__

__all__ = [
    "Card",
    "Refused",
    "Stored",
    "kernel_digest",
    "plain",
    "read_cards",
    "save_model",
    "stored_model",
    "write_at_once",
]

FORMAT = 1


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be known of a model.

    horizon : sessions. features : in the order of the model's columns.
    parameters : of the training. seed : of its random numbers. rounds : trees.
    first, last : sessions of its samples. rows, symbols : how many. every : sessions between two samples of a symbol.
    data : store versions and universe of the samples. metrics : out-of-sample record, the model's and each
    baseline's, by name. weight : 0 to 1, from the gate; reason : in a sentence. trials : trainings logged up to it.
    train_rank_ic : on its own training rows, to be seen beside the out-of-sample one.
    code : version of tapescan. kernels : digest of the code of the features. file, digest : of the trees.
    missing : how the training treated a feature without a value. seal : digest of all the rest.
    """

    format: int = FORMAT
    horizon: Annotated[int, msgspec.Meta(ge=1)]
    features: tuple[str, ...]
    parameters: dict[str, Any]
    seed: int
    rounds: int
    first: dt.date
    last: dt.date
    rows: int
    symbols: int
    every: int
    data: dict[str, Any]
    metrics: dict[str, dict[str, Any]]
    train_rank_ic: float | None
    weight: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
    reason: str
    trials: int
    code: str = __version__
    kernels: str
    missing: str = "NaN, sent down each split's default side"
    created_at: dt.datetime
    file: str = ""
    digest: str = ""
    seal: str = ""

    @property
    def name(self) -> str:
        """The model's name, its column's and its files'."""
        return f"alpha_{self.horizon}"

    def has_not_seen(self, day: dt.date) -> bool:
        """Whether its last label had ended by the close of `day`: before that it would foretell what it has seen."""
        return session_count(self.last + dt.timedelta(days=1), day) >= self.horizon

    def sealed(self) -> Card:
        """With its seal: a weight that somebody raised by hand does not fit it."""
        bare = msgspec.structs.replace(self, seal="")
        return msgspec.structs.replace(self, seal=hashlib.sha256(msgspec.json.encode(bare)).hexdigest())


@dataclass(frozen=True)
class Stored:
    """A model whose card and file fit each other and this code."""

    card: Card
    path: Path


@dataclass(frozen=True)
class Refused:
    """A model that is not served, and why, in a sentence."""

    name: str
    reason: str


@lru_cache(maxsize=1)
def kernel_digest() -> str:
    """Names the code that computes features: it changes when any kernel's file does."""
    digest = hashlib.sha256()
    for path in sorted(Path(compiled.__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def save_model(folder: Path, card: Card, trees: bytes) -> Stored:
    """Write a model's trees, then its card, each at once: a kill leaves the old model or the new one."""
    digest = hashlib.sha256(trees).hexdigest()
    card = msgspec.structs.replace(card, digest=digest, file=f"{card.name}-{digest[:12]}.ubj").sealed()
    write_at_once(folder / card.file, trees)
    write_at_once(folder / f"{card.name}.json", msgspec.json.format(msgspec.json.encode(card), indent=1))
    for old in folder.glob(f"{card.name}-*.ubj"):
        if old.name != card.file:
            old.unlink(missing_ok=True)
    return Stored(card, folder / card.file)


def read_cards(folder: Path) -> tuple[list[Stored], list[Refused]]:
    """The models in a folder that may be served, by horizon, and those that may not."""
    stored, refused = [], []
    for path in sorted(folder.glob("alpha_*.json")) if folder.is_dir() else []:
        if path.name.endswith(".record.json"):
            continue
        try:
            stored.append(stored_model(path))
        except TapescanError as error:
            refused.append(Refused(path.stem, str(error)))
    return sorted(stored, key=lambda model: model.card.horizon), refused


def stored_model(path: Path) -> Stored:
    """A model by its card's path. Raises ModelError (what does not fit) or FileError (what cannot be read)."""
    try:
        card = msgspec.json.decode(path.read_bytes(), type=Card)
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}", "train again: tapescan train") from error
    except msgspec.MsgspecError as error:
        raise ModelError(f"{path}: not a model's card: {error}", "train again: tapescan train") from error
    if card.format != FORMAT:
        raise ModelError(f"{path}: its format is {card.format}, this code reads {FORMAT}", "train again")
    if card != card.sealed():
        raise ModelError(f"{path}: edited since the training wrote it", "train again: tapescan train")
    if path.stem != card.name:
        raise ModelError(f"{path}: the card of {card.name} under another name", "give it its own name back")
    if card.kernels != kernel_digest():
        raise ModelError(
            f"{card.name}: trained with other code for its features ({card.kernels}, now {kernel_digest()})",
            "train again: tapescan train",
        )
    trees = path.parent / Path(card.file).name
    try:
        digest = hashlib.sha256(trees.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(
            f"{card.name}: its file {trees.name} cannot be read: {error.strerror}", "train again"
        ) from error
    if digest != card.digest:
        raise ModelError(
            f"{card.name}: its file {trees.name} is not the one that its card was written for",
            "it is cut short or edited; train again",
        )
    return Stored(card, trees)


def write_at_once(path: Path, content: bytes) -> None:
    """A kill leaves the old file or the new one. Raises FileError when it cannot be written."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}")
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise FileError(f"{path}: {error.strerror or error}", "check the folder") from error


def plain(values: Mapping[str, Any] | Sequence[Any] | Any) -> Any:
    """Numbers and containers as JSON has them: NaN becomes None."""
    if isinstance(values, Mapping):
        return {str(name): plain(value) for name, value in values.items()}
    if isinstance(values, list | tuple):
        return [plain(value) for value in values]
    if isinstance(values, float):
        return None if values != values else values  # noqa: PLR0124 (NaN)
    return values.item() if hasattr(values, "item") else values
