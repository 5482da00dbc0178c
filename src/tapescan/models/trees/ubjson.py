"""UBJSON (ubjson.org) of the kind that XGBoost writes, read by nothing but lengths and bounds."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["MOST_ITEMS", "BrokenError", "need", "read_ubjson"]

#: Bounds of what may be read at all: bytes of a file, items of an array, containers in each other, bytes of a text.
MOST_BYTES, MOST_ITEMS, MOST_NESTED, MOST_TEXT = 1 << 28, 1 << 24, 16, 1000

_NUMBERS = {
    ord(mark): np.dtype(form)
    for mark, form in {"i": ">i1", "U": ">u1", "I": ">i2", "l": ">i4", "L": ">i8", "d": ">f4", "D": ">f8"}.items()
}
_WORDS = {ord("Z"): None, ord("T"): True, ord("F"): False}
#: Whole numbers: bytes, and whether they have a sign.
_WHOLE = {ord(mark): form for mark, form in {"i": (1, True), "U": (1, False), "I": (2, True), "l": (4, True)}.items()}
_WHOLE[ord("L")] = (8, True)
_OBJECT, _ENDED, _ARRAY, _CLOSED, _TEXT = (ord(mark) for mark in "{}[]S")
_TYPED, _COUNTED = ord("$"), ord("#")


class BrokenError(Exception):
    """What is wrong with a file, in words."""


def need(holds: object, what: str) -> None:
    """Raise BrokenError unless it holds."""
    if not holds:
        raise BrokenError(what)


def read_ubjson(content: bytes) -> Any:
    """Dicts, lists, texts and numbers; arrays of one kind of number are NumPy's, big-endian and read-only.

    Raises BrokenError, and IndexError, KeyError or ValueError (UnicodeDecodeError) for what is cut short or none.
    """
    need(len(content) <= MOST_BYTES, "it is too large")
    reader = _Reader(content)
    found = reader.value(0)
    need(reader.at == len(content), "something follows its end")
    return found


class _Reader:
    """at : the place of the next byte. Some ten thousand values a file, so there is no call more than needed."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.at = 0

    def value(self, nested: int) -> Any:
        kind = self._content[self.at]
        self.at += 1
        if kind == _ARRAY:
            return self._array(nested)
        if kind == _OBJECT:
            return self._object(nested)
        if kind == _TEXT:
            return self._text()
        if kind in _WHOLE:
            return self._whole(kind)
        if kind in _NUMBERS:
            return self._numbers(_NUMBERS[kind], 1)[0].item()
        need(kind in _WORDS, f"it holds {chr(kind)!r}")
        return _WORDS[kind]

    def _whole(self, kind: int) -> int:
        width, signed = _WHOLE[kind]
        begin, self.at = self.at, self.at + width
        if self.at > len(self._content):
            raise BrokenError("it is cut short")
        return int.from_bytes(self._content[begin : self.at], "big", signed=signed)

    def _length(self) -> int:
        kind = self._content[self.at]
        self.at += 1
        if kind not in _WHOLE:
            raise BrokenError("a length is no whole number")
        return self._whole(kind)

    def _numbers(self, form: np.dtype[Any], length: int) -> Any:
        begin, self.at = self.at, self.at + length * form.itemsize
        if self.at > len(self._content):
            raise BrokenError("it is cut short")
        return np.frombuffer(self._content, form, length, begin)

    def _text(self) -> str:
        length = self._length()
        if not 0 <= length <= MOST_TEXT:
            raise BrokenError("a text is too long")
        begin, self.at = self.at, self.at + length
        if self.at > len(self._content):
            raise BrokenError("it is cut short")
        return self._content[begin : self.at].decode("utf-8")

    def _object(self, nested: int) -> dict[str, Any]:
        need(nested < MOST_NESTED, "it is nested too deeply")
        found: dict[str, Any] = {}
        while self._content[self.at] != _ENDED:
            name = self._text()
            if name in found:
                raise BrokenError(f"{name} stands there twice")
            found[name] = self.value(nested + 1)
        self.at += 1
        return found

    def _array(self, nested: int) -> Any:
        need(nested < MOST_NESTED, "it is nested too deeply")
        begins = self._content[self.at]
        if begins == _TYPED:
            form = _NUMBERS[self._content[self.at + 1]]
            need(self._content[self.at + 2] == _COUNTED, "an array has no length")
            self.at += 3
            length = self._length()
            need(0 <= length <= MOST_ITEMS, "an array is too long")
            return self._numbers(form, length) if length else np.empty(0, form)
        if begins == _COUNTED:
            self.at += 1
            length = self._length()
            need(0 <= length <= len(self._content) - self.at, "an array is too long")
            return [self.value(nested + 1) for _ in range(length)]
        found = []
        while self._content[self.at] != _CLOSED:
            found.append(self.value(nested + 1))
        self.at += 1
        return found
