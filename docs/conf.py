"""How the site is built: `python -m sphinx -W docs build/docs`. Nothing is fetched: no fonts, no inventories."""

import re
from typing import Any

from tapescan.version import __version__

project = "tapescan"
author = "The tapescan developers"
project_copyright = author
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
# A heading is a target: page.md#its-words, as on GitHub.
myst_heading_anchors = 4

html_theme = "furo"
html_title = f"tapescan {__version__}"
html_copy_source = html_show_sourcelink = False

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
# Signatures keep the names of types instead of what they stand for.
autodoc_type_aliases = {name: name for name in ("Data", "Trained")}
python_use_unqualified_type_names = True
# Docstrings write `name` as Markdown does.
default_role = "code"

_FIELD = re.compile(r"(?:^|(?<=[.;)]) )(\w+(?:, \w+)*) : ")


def _list_fields(*described: Any) -> None:
    """In docstrings, paragraphs of ``name : text`` become lists of their names."""
    lines: list[str] = described[-1]
    text = re.sub(r"\n(?=(?:Raises|Returns) \w)", "\n\n", "\n".join(lines))
    paragraphs = text.split("\n\n")
    for at, paragraph in enumerate(paragraphs):
        if _FIELD.match(paragraph):
            texts = _FIELD.split(" ".join(paragraph.split()))[1:]
            pairs = zip(texts[::2], texts[1::2], strict=True)
            paragraphs[at] = "\n".join(f"- **{field}**: {text}" for field, text in pairs)
    lines[:] = "\n\n".join(paragraphs).split("\n")


def setup(app: Any) -> None:
    # Before napoleon, which takes care of Args, Returns and Raises.
    app.connect("autodoc-process-docstring", _list_fields, priority=400)


# Types that the package imports only for type checkers, since they bring all kernels: signatures name them.
import polars  # noqa: E402

import tapescan.api.live  # noqa: E402
import tapescan.scan.result  # noqa: E402
from tapescan.scan.assembled import Assembled  # noqa: E402
from tapescan.scan.cross_section import CrossSection  # noqa: E402
from tapescan.scan.forecasts import Forecast  # noqa: E402
from tapescan.scan.result import Changes, ScanResult  # noqa: E402

vars(tapescan.scan.result).update(Assembled=Assembled, CrossSection=CrossSection, Forecast=Forecast)
vars(tapescan.api.live).update(Changes=Changes, ScanResult=ScanResult, pl=polars)
