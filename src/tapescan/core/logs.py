"""Logarithms and powers that do not hang on what the processor can do, as NumPy's last bits do (AVX-512 or not)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from tapescan.core.typing import Floats

__all__ = ["exponential", "logarithm", "make_ready", "power"]


def logarithm(values: Floats) -> Floats:
    """ln of each value, of any shape, within two units in the last place; NaN for what is not above 0.

    Made of sums, products and one quotient: the same bytes on every machine.
    """
    flat = np.ascontiguousarray(values, dtype=np.float64).reshape(-1)
    # Numbers below the normal ones have fewer digits: they are brought up by a power of two.
    small = flat < 2.0**-1000
    some = bool(small.any())
    scaled = np.where(small, np.where(small, flat, 0.0) * 2.0**200, flat) if some else flat
    mantissa, out = np.empty_like(flat), np.empty_like(flat)
    _compiled()(scaled.view(np.int64), mantissa.view(np.int64), mantissa, out)
    if some:
        out[small] -= 200.0 * np.log(2.0)
    out[~(flat > 0.0)] = np.nan
    out[np.isposinf(flat)] = np.inf
    found: Floats = out.reshape(np.shape(values))
    return found


@cache
def make_ready() -> None:
    """Have its kernel loaded, or compiled the first time, so that no scan waits for it."""
    logarithm(np.ones(1))


def exponential(values: Floats) -> Floats:
    """e to the power of each value, by the system's library: for the few values of an expression."""
    return _each(math.exp, values)


def power(values: Floats, exponents: Floats) -> Floats:
    """Each value to the power of its exponent, likewise; NaN where that is no number."""
    return _each(math.pow, values, exponents)


def _each(function: Callable[..., float], *arguments: Floats) -> Floats:
    def one(*numbers: float) -> float:
        try:
            return function(*numbers)
        except OverflowError:
            return math.inf
        except ValueError:
            return math.nan

    broadcast = np.broadcast_arrays(*arguments)
    flat = [one(*numbers) for numbers in zip(*(each.ravel().tolist() for each in broadcast), strict=True)]
    return np.array(flat, dtype=np.float64).reshape(broadcast[0].shape)


def log(bits, scratch, mantissa, out):  # type: ignore[no-untyped-def]
    """ln(m * 2 ** e) = e * ln 2 + 2 * atanh((m - 1) / (m + 1)), m from 0.71 to 1.42.

    bits : int64 ``(n,)``, those of normal numbers above 0. scratch, mantissa : one memory, as int64 and as float64.
    """
    # ln 2 in two parts, the first of which has zeros at its end: its product with a whole number is exact.
    lead, rest = 0.6931471803691238, 1.9082149292705877e-10
    for i in range(len(bits)):
        digits = bits[i] & ((1 << 52) - 1)
        upper = 1 if digits > 0x6A09E667F3BCD else 0  # those of the square root of 2
        scratch[i] = digits | ((1023 - upper) << 52)
    for i in range(len(bits)):
        upper = 1 if mantissa[i] < 1.0 else 0
        exponent = float((bits[i] >> 52) - 1023 + upper)
        z = (mantissa[i] - 1.0) / (mantissa[i] + 1.0)
        q = z * z
        s = q * (1 / 13 + q * (1 / 15 + q * (1 / 17 + q * (1 / 19 + q * (1 / 21 + q / 23)))))
        s = q * (1 / 3 + q * (1 / 5 + q * (1 / 7 + q * (1 / 9 + q * (1 / 11 + s)))))
        out[i] = exponent * lead + (2.0 * z + (2.0 * z * s + exponent * rest))


@cache
def _compiled() -> Any:
    from tapescan.core.jit import compile_kernel

    return compile_kernel(log)
