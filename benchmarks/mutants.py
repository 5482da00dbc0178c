"""How many planted faults the tests find: one small change of the code at a time, and the nearest tests.

    python benchmarks/mutants.py --count 40 --seed 1
    python benchmarks/mutants.py --tests OLD_TREE --count 40 --seed 1    # the same changes, another tree's tests

Changes: a comparison turned or moved by its edge, a sign, a number, ``and`` for ``or``, a condition that always or
never holds, a result that is thrown away. A seed draws the same ones as long as the code stays the same. Works on a
copy; ``--minutes`` bounds it. The share that survives says how much the tests let through; some survivors change
nothing that anybody could see.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

#: Where faults are planted, and the tests that should find them: a module's own, by its name, else those.
PLACES = {
    "scan": ("scan",),
    "store": ("store", "sync/test_storing.py", "importing/test_importing.py"),
    "sync": ("sync",),
    "models/judging": ("models/test_gate.py", "models/test_metrics.py", "models/test_folds.py"),
}
#: Tests of half a minute and more, which kill processes or measure.
SLOW = ("test_kill", "test_s3", "test_alpha_learners")
#: Seconds for the tests of one change.
PATIENCE = 90

TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
SIGNS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}


def changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """What may be planted at a node: a word, and the node in its place."""
    new = copy.deepcopy(node)
    if isinstance(new, ast.Compare) and type(new.ops[0]) in TURNED:
        new.ops[0] = TURNED[type(new.ops[0])]()
        yield "comparison", new
    elif isinstance(new, ast.BinOp) and type(new.op) in SIGNS and not _is_text(new):
        new.op = SIGNS[type(new.op)]()
        yield "operator", new
    elif isinstance(new, ast.BoolOp):
        new.op = ast.Or() if isinstance(new.op, ast.And) else ast.And()
        yield "and/or", new
    elif isinstance(new, ast.UnaryOp) and isinstance(new.op, ast.USub | ast.Not | ast.Invert):
        yield "sign", new.operand
    elif isinstance(new, ast.Constant) and isinstance(new.value, int | float) and not isinstance(new.value, bool):
        yield "number", ast.Constant(new.value + 1 if isinstance(new.value, int) else new.value * 1.1 + 0.01)
    elif isinstance(new, ast.Constant) and isinstance(new.value, bool):
        yield "truth", ast.Constant(not new.value)
    elif isinstance(new, ast.If):
        for value in (True, False):
            held = copy.deepcopy(node)
            assert isinstance(held, ast.If)
            held.test = ast.Constant(value)
            yield f"always {value}", held
    elif isinstance(new, ast.Return) and new.value is not None and not isinstance(new.value, ast.Constant):
        yield "returns nothing", ast.Return(ast.Constant(None))


def _is_text(node: ast.BinOp) -> bool:
    sides = (node.left, node.right)
    return any(isinstance(one, ast.JoinedStr) or isinstance(getattr(one, "value", None), str) for one in sides)


def planted(source: str) -> list[tuple[int, str, str]]:
    """Every change of a module: line, word, the whole new source."""
    tree = ast.parse(source)
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        for part in (getattr(node, "annotation", None), getattr(node, "returns", None), *_unseen(node))
        if part is not None
        for inner in ast.walk(part)
    }
    found = []
    for node in ast.walk(tree):
        for name, value in ast.iter_fields(node):
            for at, child in enumerate(value if isinstance(value, list) else [value]):
                if not isinstance(child, ast.AST) or id(child) in skipped:
                    continue
                for word, new in changes(child):
                    ast.copy_location(new, child)
                    _put(node, name, at, value, new)
                    found.append((getattr(child, "lineno", 0), word, ast.unparse(ast.fix_missing_locations(tree))))
                    _put(node, name, at, value, child)
    return found


def _unseen(node: ast.AST) -> list[ast.AST]:
    """What changes no behaviour: errors' texts, logging, type checking."""
    if isinstance(node, ast.Raise):
        return [node]
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return [node]
    called = isinstance(node, ast.Call) and ast.unparse(node.func)
    return [node] if called and called.startswith("logger.") else []


def _put(node: ast.AST, name: str, at: int, value: object, child: ast.AST) -> None:
    if isinstance(value, list):
        value[at] = child
    else:
        setattr(node, name, child)


def nearest_tests(root: Path, place: str, module: Path) -> list[str]:
    """The tests called after the module, else those of its place."""
    own = [path for path in root.glob(f"tests/**/test_{module.stem}*.py") if path.stem not in SLOW]
    chosen = list(own)
    for name in PLACES[place]:
        path = root / "tests" / name
        chosen += [path] if path.is_file() else sorted(path.glob("test_*.py"))
    return list(dict.fromkeys(str(path) for path in chosen if path.stem not in SLOW))


def survives(root: Path, tests: list[str]) -> bool | None:
    """Whether no test fails; None when they take too long, which is found as well."""
    variables = os.environ | {"PYTHONPATH": f"{root / 'src'}:{root}", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(command, cwd=root, env=variables, capture_output=True, check=False, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return None
    return done.returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tests", type=Path, default=ROOT, help="the tree whose tests are run")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=10.0)
    asked = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutants-") as scratch:
        root = Path(scratch) / "tree"
        skipped = shutil.ignore_patterns(".git", "__pycache__", ".*_cache", "site", "build")
        shutil.copytree(ROOT, root, ignore=skipped)
        if asked.tests != ROOT:
            shutil.rmtree(root / "tests")
            shutil.copytree(asked.tests / "tests", root / "tests", ignore=skipped)
        drawn = []
        for place in PLACES:
            for module in sorted((root / "src/tapescan" / place).glob("*.py")):
                drawn += [(place, module, *change) for change in planted(module.read_text(encoding="utf-8"))]
        draw = random.Random(asked.seed)  # noqa: S311 (drawn again for the same seed)
        draw.shuffle(drawn)
        tried = found = 0
        for place, module, line, word, changed in drawn[: asked.count]:
            if time.monotonic() - began > 60.0 * asked.minutes:
                break
            kept = module.read_text(encoding="utf-8")
            module.write_text(changed, encoding="utf-8")
            alive = survives(root, nearest_tests(root, place, module))
            module.write_text(kept, encoding="utf-8")
            tried += 1
            found += not alive
            said = "SURVIVED" if alive else "found" if alive is False else "found (time)"
            sys.stdout.write(f"{said:13} {module.relative_to(root / 'src/tapescan')}:{line} {word}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(drawn):,} possible changes; {tried} tried, {found} found, ")
    sys.stdout.write(f"{(tried - found) / max(tried, 1):.0%} survived\n")


if __name__ == "__main__":
    main()
