"""All indicators, one file per family: every module here but the definitions, the reference page and what kernels
share is one, or has kernels for several indicators at once.

Importing this package fills the registry, so a new family, or a new indicator in a file of its own, is one new file.
"""

import pkgutil
from importlib import import_module

from tapescan.indicators.definition import Indicator, Output, Parameter, indicator, registry
from tapescan.indicators.fusion import Fusion, fusions

__all__ = ["Fusion", "Indicator", "Output", "Parameter", "fusions", "indicator", "registry"]

#: The order of the registry, and so of every listing and of a result's columns; files that are not named here follow
#: by name.
_ORDER = (
    "price", "extremes", "returns", "averages", "trend", "regression", "convergence", "momentum", "oscillators",
    "volatility", "bands", "accumulation", "volume", "statistics",
)  # fmt: skip
_NO_FAMILIES = {"definition", "fusion", "reference", "sums"}

_found = {module.name for module in pkgutil.iter_modules(__path__)} - _NO_FAMILIES
for _name in (*(name for name in _ORDER if name in _found), *sorted(_found.difference(_ORDER))):
    import_module(f"{__name__}.{_name}")
