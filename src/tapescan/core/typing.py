"""The names of array types, each once."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Bools", "Codes", "Conditions", "Days", "Floats", "Ints", "Shorts", "Singles", "Texts"]

#: Values of any type.
Array: TypeAlias = NDArray[Any]
#: Values, ``(symbols,)``, ``(rows, lanes)`` ...; NaN where unknown.
Floats: TypeAlias = NDArray[np.float64]
#: Values as models take them.
Singles: TypeAlias = NDArray[np.float32]
#: Places and counts.
Ints: TypeAlias = NDArray[np.int64]
#: Small places: nodes of trees, industries.
Shorts: TypeAlias = NDArray[np.int32]
#: Dates as days since 1970-01-01.
Days: TypeAlias = NDArray[np.int32]
Bools: TypeAlias = NDArray[np.bool_]
#: Conditions that may be unknown: 0 for false, 1 for unknown, 2 for true.
Conditions: TypeAlias = NDArray[np.int8]
#: Ranks as steps, from 1 on; 0 where unknown.
Codes: TypeAlias = NDArray[np.uint8]
Texts: TypeAlias = NDArray[np.str_]
