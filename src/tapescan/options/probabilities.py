"""What a smile prices in: how likely the share ends below a strike.

The probability is what a digital put costs, undiscounted: the slope of puts in their strikes, along the smile,
``P(S_T < K) = N(-d2) + F n(d1) sqrt(T) ds/dK``. It is the market's, risk-neutral: a price, and no forecast.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

from tapescan.core.jit import kernel
from tapescan.options.black import cumulative
from tapescan.options.kernels import OUT, PLACES, READ
from tapescan.options.smile import SMILES

__all__ = ["priced_below"]


@kernel(PLACES, READ, READ, READ, SMILES, OUT)
def priced_below(slice_of, strikes, forwards, times, smiles, out):
    """How likely each slice's share ends below a strike, 0 to 1; NaN where there is no smile, or no strike. Beyond
    the points fitted the smile is flat."""
    for i in range(len(out)):
        own, strike = slice_of[i], strikes[i]
        forward, scale, root = forwards[own], smiles.scale[own], math.sqrt(times[own])
        out[i] = math.nan
        if strike <= 0.0:
            out[i] = 0.0 if scale > 0.0 else math.nan
            continue
        z = math.log(strike / forward) / scale
        inside = min(max(z, smiles.lowest[own]), smiles.highest[own])
        a, b = smiles.coefficients[own, 0], smiles.coefficients[own, 1]
        c, d = smiles.coefficients[own, 2], smiles.coefficients[own, 3]
        total = (a + inside * (b + inside * (c + inside * d))) * root
        if not total > 0.0:
            continue
        upper = math.log(forward / strike) / total + 0.5 * total
        slope = 0.0
        if inside == z:
            slope = (b + z * (2.0 * c + 3.0 * d * z)) / (strike * scale)
        density = 0.3989422804014327 * math.exp(-0.5 * upper * upper)
        out[i] = min(max(cumulative(total - upper) + forward * density * root * slope, 0.0), 1.0)
