"""tapescan: a whole-market stock scanner.

The public names are these and nothing else; they are loaded when first used, so that importing the package
costs almost nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tapescan.version import __version__

if TYPE_CHECKING:
    from tapescan.api import compute_features, explain_symbol, load_market, scan_market, sync_store
    from tapescan.indicators import registry
    from tapescan.models.stored import judge_stored, train_models
    from tapescan.scan.profile import Profile, load_profile
    from tapescan.scan.result import ScanResult
    from tapescan.simulation.market import simulate
    from tapescan.store import Store

_WHERE = {
    "Profile": "tapescan.scan.profile",
    "ScanResult": "tapescan.scan.result",
    "Store": "tapescan.store",
    "compute_features": "tapescan.api",
    "explain_symbol": "tapescan.api",
    "judge_stored": "tapescan.models.stored",
    "load_market": "tapescan.api",
    "load_profile": "tapescan.scan.profile",
    "registry": "tapescan.indicators",
    "scan_market": "tapescan.api",
    "simulate": "tapescan.simulation.market",
    "sync_store": "tapescan.api",
    "train_models": "tapescan.models.stored",
}

__all__ = [
    "Profile",
    "ScanResult",
    "Store",
    "__version__",
    "compute_features",
    "explain_symbol",
    "judge_stored",
    "load_market",
    "load_profile",
    "registry",
    "scan_market",
    "simulate",
    "sync_store",
    "train_models",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'tapescan' has no attribute {name!r}")
    value = getattr(import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
