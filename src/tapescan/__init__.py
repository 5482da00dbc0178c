"""tapescan: a whole-market stock scanner.

The public names are these and nothing else; they are loaded when first used, so that importing the package
costs almost nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tapescan.version import __version__

if TYPE_CHECKING:
    from tapescan.api import (
        accept_bars,
        breadth_market,
        check_profile,
        compute_features,
        examine_store,
        explain_symbol,
        express_plan,
        find_record,
        follow_market,
        import_bars,
        import_files,
        judge_chances,
        judge_cone,
        judge_stored,
        load_market,
        look_at_files,
        mend_store,
        newest_result,
        open_store,
        plan_sync,
        publish_result,
        recalibrate_cone,
        record_scan,
        replay_market,
        scan_market,
        sync_store,
        train_models,
        undo_mending,
        watch_market,
    )
    from tapescan.api.live import LiveMinute
    from tapescan.columns.registry import all_columns
    from tapescan.core.errors import TapescanError
    from tapescan.core.settings import Settings, load_settings
    from tapescan.history.market import Market
    from tapescan.indicators import registry
    from tapescan.replay.breadth import BreadthResult
    from tapescan.replay.result import ReplayResult
    from tapescan.scan.expressed import ExpressedPlan
    from tapescan.scan.named import NamedScreen, load_screen
    from tapescan.scan.profile import Profile, load_profile
    from tapescan.scan.result import ScanResult
    from tapescan.scan.weighing import ProfileCheck
    from tapescan.screen.lists import read_list, write_list
    from tapescan.simulation.market import simulate
    from tapescan.store import Store

#: Where the names lie that are no use case; those lie in the front door.
_WHERE = {
    "BreadthResult": "tapescan.replay.breadth",
    "ExpressedPlan": "tapescan.scan.expressed",
    "LiveMinute": "tapescan.api.live",
    "Market": "tapescan.history.market",
    "NamedScreen": "tapescan.scan.named",
    "Profile": "tapescan.scan.profile",
    "ProfileCheck": "tapescan.scan.weighing",
    "ReplayResult": "tapescan.replay.result",
    "ScanResult": "tapescan.scan.result",
    "Settings": "tapescan.core.settings",
    "Store": "tapescan.store",
    "TapescanError": "tapescan.core.errors",
    "all_columns": "tapescan.columns.registry",
    "load_profile": "tapescan.scan.profile",
    "load_screen": "tapescan.scan.named",
    "load_settings": "tapescan.core.settings",
    "registry": "tapescan.indicators",
    "read_list": "tapescan.screen.lists",
    "simulate": "tapescan.simulation.market",
    "write_list": "tapescan.screen.lists",
}

__all__ = [
    "BreadthResult",
    "ExpressedPlan",
    "LiveMinute",
    "Market",
    "NamedScreen",
    "Profile",
    "ProfileCheck",
    "ReplayResult",
    "ScanResult",
    "Settings",
    "Store",
    "TapescanError",
    "__version__",
    "accept_bars",
    "all_columns",
    "breadth_market",
    "check_profile",
    "compute_features",
    "examine_store",
    "explain_symbol",
    "express_plan",
    "find_record",
    "follow_market",
    "import_bars",
    "import_files",
    "judge_chances",
    "judge_cone",
    "judge_stored",
    "load_market",
    "load_profile",
    "load_screen",
    "load_settings",
    "look_at_files",
    "mend_store",
    "newest_result",
    "open_store",
    "plan_sync",
    "publish_result",
    "read_list",
    "recalibrate_cone",
    "record_scan",
    "registry",
    "replay_market",
    "scan_market",
    "simulate",
    "sync_store",
    "train_models",
    "undo_mending",
    "watch_market",
    "write_list",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'tapescan' has no attribute {name!r}")
    value = getattr(import_module(_WHERE.get(name, "tapescan.api")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
