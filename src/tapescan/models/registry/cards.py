"""The model store: XGBoost's own file beside a card that says what the model is, where from, and what it is worth.

    alpha_5.json              the card; it names its model file by content
    alpha_5-1f0c9a2b77e1.ubj  the trees

Nothing is served without its card, and a model is refused when its file is not the one the card was written for,
when its features are not those of the card, or when the code that computes the features has changed since. There
are no pickles: a model file cannot run code.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from tapescan import version
from tapescan.core.errors import FileError, ModelError, TapescanError
from tapescan.market.calendar import session_count
from tapescan.models.samples.labels import reach

__all__ = [
    "Card",
    "Refused",
    "Stored",
    "decode_file",
    "kernel_digest",
    "plain",
    "read_cards",
    "save_model",
    "seal_of",
    "stored_model",
    "write_at_once",
]

FORMAT = 1

#: The files that decide a feature's value, from stored prices on.
FEATURE_CODE = ("indicators/*.py", "features/*.py", "market/adjust.py", "market/panel.py", "models/inputs.py")

T = TypeVar("T")


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
    code: str = version.__version__
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
        return session_count(self.last + dt.timedelta(days=1), day) >= reach(self.horizon)

    def of_trees(self, trees: bytes) -> Card:
        """Bound to its trees, and sealed."""
        digest = hashlib.sha256(trees).hexdigest()
        return msgspec.structs.replace(self, digest=digest, file=f"{self.name}-{digest[:12]}.ubj").sealed()

    def sealed(self) -> Card:
        """With its seal: a weight that somebody raised by hand does not fit it. It is no signature."""
        return msgspec.structs.replace(self, seal=seal_of(self))


def seal_of(one: msgspec.Struct) -> str:
    """Digest of all fields but `seal`."""
    return hashlib.sha256(msgspec.json.encode(msgspec.structs.replace(one, seal=""))).hexdigest()


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
    """Names the code that computes features: it changes when any file of it does, a kernel's or its feed's."""
    digest = hashlib.sha256()
    root = Path(version.__file__).parent
    for path in sorted(path for pattern in FEATURE_CODE for path in root.glob(pattern)):
        digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def save_model(folder: Path, card: Card, trees: bytes) -> Stored:
    """Write a model's trees, then its card, each at once: a kill leaves the old model or the new one.

    Of two trainings that end together, one waits. Raises FileError when the folder cannot be written.
    """
    card = card.of_trees(trees)
    with _alone(folder):
        write_at_once(folder / card.file, trees)
        write_at_once(folder / f"{card.name}.json", msgspec.json.format(msgspec.json.encode(card), indent=1))
        for old in folder.glob(f"{card.name}-*.ubj"):
            if old.name != card.file:
                old.unlink(missing_ok=True)
    return Stored(card, folder / card.file)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No other process writes models to the folder meanwhile."""
    path = folder / ".lock"
    with ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = held.enter_context(path.open("ab"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            raise FileError(f"{path}: cannot be locked: {error.strerror or error}", "check the folder") from error
        yield


def read_cards(folder: Path) -> tuple[list[Stored], list[Refused]]:
    """The models in a folder that may be served, by horizon, and those that may not."""
    stored: list[Stored] = []
    refused: list[Refused] = []
    try:
        names = [path.name for path in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return [], []
    except OSError as error:
        return [], [Refused("alpha", f"{folder}: {error.strerror or error}")]
    for path in (folder / name for name in sorted(names) if fnmatch(name, "alpha_*.json")):
        if path.name.endswith(".record.json"):
            continue
        try:
            stored.append(_newest(path))
        except TapescanError as error:
            refused.append(Refused(" ".join(path.stem.split()), str(error)))
    return sorted(stored, key=lambda model: model.card.horizon), refused


def _newest(path: Path) -> Stored:
    """As `stored_model`; but a training that ends meanwhile takes the old trees away, and puts another card there."""
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
    card = decode_file(path, Card, "a model's card")
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
        if trees.exists() and not trees.is_file():
            raise ModelError(f"{card.name}: its file {trees.name} is no plain file", "train again")
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


def decode_file(path: Path, kind: type[T], what: str) -> T:
    """A JSON file as a `kind`. Raises ModelError when it is broken, FileError when it cannot be read."""
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise ModelError(f"{path}: not {what} but no plain file", "train again: tapescan train")
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}", "train again: tapescan train") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"{path}: not {what}: {error}", "train again: tapescan train") from error


def write_at_once(path: Path, content: bytes) -> None:
    """A kill leaves the old file or the new one. Raises FileError when it cannot be written."""
    # Not by tempfile, whose files are for their owner alone.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            file.write(content)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
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
