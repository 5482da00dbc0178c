"""A new indicator is one new file: the families are found, not listed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import tapescan.indicators
from tapescan.indicators import registry

MINE = '''
"""A family of one's own."""
from tapescan.indicators.definition import Output, Period, indicator

@indicator(
    title="Bars so far", group="mine", inputs=("close",), parameters=(Period(5),), outputs=(Output("", "bars", 0),),
    lookback=lambda period: 0, formula="1 for each bar", reference="none",
)
def so_far(close, first, start, out, period):
    out[:] = 1.0
'''

CODE = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location(
    "tapescan.indicators", sys.argv[1] + "/__init__.py", submodule_search_locations=[sys.argv[1]]
)
package = importlib.util.module_from_spec(spec)
sys.modules["tapescan.indicators"] = package
spec.loader.exec_module(package)
from tapescan.columns.registry import find_column
from tapescan.features.plan import plan_features
print(json.dumps([list(package.registry), find_column("so_far_7").unit, plan_features(["so_far_7"]).span]))
"""


def test_a_file_among_the_families_is_a_family(tmp_path: Path) -> None:
    folder = tmp_path / "indicators"
    shutil.copytree(Path(tapescan.indicators.__file__).parent, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "a_new_one.py").write_text(MINE)
    done = subprocess.run([sys.executable, "-c", CODE, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    names, *others = json.loads(done.stdout)
    assert others == ["bars", 128]
    # Those that were there keep their order, so that listings and columns do.
    assert [name for name in names if name != "so_far"] == [*registry]
    assert names.index("so_far") > names.index("beta")
