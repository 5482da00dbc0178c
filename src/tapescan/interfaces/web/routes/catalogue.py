"""What can be asked for: columns, functions, screens, profiles."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from tapescan.interfaces.web.forms import answer_json

__all__ = ["router"]

router = APIRouter(tags=["catalogue"])


@router.get("/columns", summary="All columns")
def columns() -> Response:
    """Everything that a condition, an order or a result may name, with unit, range, source and meaning."""
    from tapescan.columns.reference import facts
    from tapescan.columns.registry import all_columns, sources

    families = {one.name: one.families for one in sources() if one.families}
    return answer_json({"columns": [facts(one) for one in all_columns()], "families": families})


@router.get("/functions", summary="The functions of screens")
def functions() -> Response:
    from tapescan.screen.functions import FUNCTIONS

    wanted = ("name", "form", "group", "gives", "meaning", "example", "definition")
    return answer_json({"functions": [{name: getattr(one, name) for name in wanted} for one in FUNCTIONS.values()]})


@router.get("/screens", summary="The named screens")
def screens() -> Response:
    from tapescan.core.errors import TapescanError
    from tapescan.scan.named import load_screen, screen_files

    wanted = ("title", "where", "rank_by", "columns", "profile", "side", "source", "claims", "differs")
    found: list[dict[str, Any]] = []
    for name, path in screen_files().items():
        try:
            screen = load_screen(str(path))
        except TapescanError as error:  # one file that is broken takes no other away
            found.append({"name": name, "error": error.what.rpartition("/")[2]})
        else:
            found.append({"name": name, **{field: getattr(screen, field) for field in wanted}, "error": ""})
    return answer_json({"screens": found})


@router.get("/profiles", summary="The profiles")
def profiles() -> Response:
    from tapescan.core.errors import TapescanError
    from tapescan.core.settings import setting
    from tapescan.scan.profile import load_profile, profile_names

    found: list[dict[str, Any]] = []
    for name in profile_names():
        try:
            profile = load_profile(name)
        except TapescanError as error:
            found.append({"name": name, "error": error.what.rpartition("/")[2]})
        else:
            found.append(
                {
                    "name": name,
                    "title": profile.title,
                    "side": profile.side,
                    "weights": profile.weights.factors(),
                    "error": "",
                }
            )
    return answer_json({"profiles": found, "default": setting("profile")})
