"""The same bytes on other processors: neither AVX-512 nor the number of threads changes one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCAN = """
import hashlib, sys
import polars as pl
import tapescan
result = tapescan.scan_market(
    tapescan.simulate(symbols=400, sessions=420),
    features="all",
    where="ln(close) > 1 AND exp(ret_1) > 0.5 AND pow(1 + ret_5, 2) > 0.1",
)
assert result.coverage.ranked > 50
print(hashlib.sha256(result.frame.write_csv().encode()).hexdigest(), result.regime)
"""

ROOT = Path(__file__).resolve().parents[2]

#: Everything above AVX2 that NumPy looks for.
NO_AVX512 = "X86_V4 AVX512_ICL AVX512_SPR"


def scanned(**variables: str) -> str:
    environment = {**os.environ, **variables}
    command = [sys.executable, "-W", "ignore", "-c", SCAN]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def usual() -> str:
    return scanned()


@pytest.mark.sampled(one_in=2)
@pytest.mark.parametrize("threads", ["1", "3", "8"])
def test_threads_change_no_byte(usual: str, threads: str) -> None:
    assert scanned(TAPESCAN_THREADS=threads) == usual


@pytest.mark.skipif(
    "avx512" not in Path("/proc/cpuinfo").read_text(), reason="this processor has no AVX-512 to turn off"
)
def test_without_avx512_it_is_the_same(usual: str) -> None:
    assert scanned(NPY_DISABLE_CPU_FEATURES=NO_AVX512) == usual
