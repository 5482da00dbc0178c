"""All indicators, one file per family. Importing this package fills the registry."""

from tapescan.indicators import (  # noqa: I001 (the order of the registry, and so of every listing)
    price,
    extremes,
    returns,
    averages,
    trend,
    regression,
    momentum,
    oscillators,
    volatility,
    bands,
    volume,
    statistics,
)
from tapescan.indicators.definition import Indicator, Output, Parameter, indicator, registry

__all__ = [
    "Indicator",
    "Output",
    "Parameter",
    "averages",
    "bands",
    "extremes",
    "indicator",
    "momentum",
    "oscillators",
    "price",
    "registry",
    "regression",
    "returns",
    "statistics",
    "trend",
    "volatility",
    "volume",
]
