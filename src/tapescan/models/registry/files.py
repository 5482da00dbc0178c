"""Sealed JSON files of a folder of models, read with reasons."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tapescan.core.errors import FileError, ModelError

__all__ = ["decode_file", "plain", "seal_of"]

T = TypeVar("T", bound=msgspec.Struct)


class _Head(msgspec.Struct):
    """What every file of any age says of itself."""

    format: int = 0


def decode_file(path: Path, kind: type[T], what: str, form: int) -> T:
    """A JSON file as a `kind` whose fields are a format, form, and a seal that fits the others.

    Raises ModelError when it is broken, of another format, or edited; FileError when it cannot be read.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise ModelError(f"{path}: not {what} but no plain file", "train again: tapescan train")
        content = path.read_bytes()
        found = msgspec.json.decode(content, type=_Head).format
        if found != form:
            raise ModelError(
                f"{path}: its format is {found}, this code reads {form}", "delete it; `tapescan train` makes another"
            )
        one = msgspec.json.decode(content, type=kind)
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}", "train again: tapescan train") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"{path}: not {what}: {error}", "train again: tapescan train") from error
    if getattr(one, "seal", "") != seal_of(one):
        raise ModelError(f"{path}: edited since the training wrote it", "train again: tapescan train")
    return one


def seal_of(one: msgspec.Struct) -> str:
    """Digest of all fields but `seal`. It is no signature: it tells an edit by hand."""
    return hashlib.sha256(msgspec.json.encode(msgspec.structs.replace(one, seal=""))).hexdigest()


def plain(values: Mapping[str, Any] | Sequence[Any] | Any) -> Any:
    """Numbers and containers as JSON has them: NaN becomes None."""
    if isinstance(values, Mapping):
        return {str(name): plain(value) for name, value in values.items()}
    if isinstance(values, list | tuple):
        return [plain(value) for value in values]
    if isinstance(values, float):
        return None if values != values else values  # noqa: PLR0124 (NaN)
    return values.item() if hasattr(values, "item") else values
