"""What deployments cost, held against sums by hand; and a file of prices that is wrong is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tapescan.bench.costs import Cost, costs_of, load_prices, scan_milliseconds
from tapescan.core.errors import FileError
from tests.commands import one_line, tapescan

PRICES = """
as_of = 2026-01-02
region = "here"
source = "made up"
[machines]
small = { dollars = 0.10, vcpus = 4, memory = 8 }
large = { dollars = 1.00, vcpus = 10, memory = 32 }
[extras]
disk = 0.05
address = 0.01
redis = 7.0
[assumed]
spot = 0.5
vcpu = 0.5
hours = 700.0
sessions = 240
session_hours = 5.0
evening_hours = 2.0
job_hours = 35.0
[[deployments]]
name = "evening"
title = "evening"
scans = "evening"
parts = [{ machine = "small", hours = "evening", disk = 100, keep = true }]
claimed = [7, 7]
[[deployments]]
name = "live"
title = "live"
scans = "minute"
parts = [{ machine = "small", hours = "always", disk = 100 }]
redis = true
[[deployments]]
name = "jobs"
title = "jobs"
parts = [
    { machine = "small", hours = "jobs" },
    { machine = "large", hours = "jobs", count = 3, spot = true, disk = 20 },
]
claimed = [100, 200]
[[data]]
title = "feed"
dollars = 99
"""


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(PRICES)
    return path


def costs(path: Path, scan_ms: float) -> dict[str, Cost]:
    return {one.name: one for one in costs_of(load_prices(path), scan_ms).deployments}


def test_a_month_is_what_its_parts_cost(prices: Path) -> None:
    found = costs(prices, 100.0)
    # 20 evenings of two hours at 0.10 and 0.01, and the disk for the whole month.
    assert found["evening"].month == pytest.approx(40 * 0.11 + 100 * 0.05)
    # 700 hours, the disk as long, and Redis.
    assert found["live"].month == pytest.approx(700 * 0.11 + 100 * 0.05 + 7)
    # 35 hours; the large ones at half their price, their disks for a twentieth of the month.
    assert found["jobs"].month == pytest.approx(35 * 0.11 + 3 * (35 * 0.51 + 20 * 0.05 / 20))


def test_a_scan_is_its_share_of_the_month_and_takes_its_time_on_the_machine(prices: Path) -> None:
    found = costs(prices, 500.0)
    evening, live, jobs = found["evening"], found["live"], found["jobs"]
    assert (evening.scans, live.scans, jobs.scans) == (20, 20 * 5 * 60, 0)
    assert evening.scan == pytest.approx(9.4 / 20)
    assert live.scan == pytest.approx(89 / 6000)
    assert jobs.scan is None
    # Half a second of CPU on four vCPUs of half a core each.
    assert evening.cores == pytest.approx(2.0)
    assert evening.seconds == pytest.approx(0.25)
    # One machine scans, the largest.
    assert jobs.cores == pytest.approx(5.0)
    # 6,000 scans in the sessions' 100 hours; the evening's twenty in 40.
    assert live.busy == pytest.approx(6000 * 0.25 / 360_000)
    assert evening.busy == pytest.approx(20 * 0.25 / 144_000)
    # At 120 s and more of CPU a minute is too short for two cores.
    assert costs(prices, 119_000.0)["live"].busy < 1.0 < costs(prices, 121_000.0)["live"].busy


def test_the_shipped_prices_answer_what_was_claimed() -> None:
    found = {one.name: one for one in costs_of(load_prices(), 70.0).deployments}
    # The lists' own sums: a head and five workers for 730 hours, each with an address and 50 GB.
    assert found["cluster-always"].month == pytest.approx(730 * (0.34 + 5 * 0.68 + 6 * 0.005) + 6 * 50 * 0.08)
    assert found["gpu-always"].month == pytest.approx(730 * 0.531 + 8)
    assert found["live"].month == pytest.approx(730 * 0.09 + 1.6)
    assert found["evening"].month == pytest.approx(21 * 0.0218 + 1.6)
    assert found["jobs"].month == pytest.approx(10 * (0.345 + 5 * (0.272 + 0.005)) + 6 * 50 * 0.08 * 10 / 730)
    assert {name: one.claimed for name, one in found.items() if one.claimed} == {
        "evening": (7, 7),
        "evening-always": (7, 7),
        "cluster-always": (300, 400),
        "gpu-always": (150, 200),
    }


def test_the_prices_of_deploy_are_those_of_the_package() -> None:
    beside = Path(__file__).resolve().parents[2] / "deploy" / "prices.toml"
    assert load_prices(beside) == load_prices()


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("spot = 0.5", "spott = 0.5", "spott"),
        ("spot = 0.5", "spot = 1.5", "<= 1.0"),
        ("dollars = 0.10", "dollars = -0.10", ">= 0.0"),
        ('hours = "evening"', 'hours = "nightly"', "nightly"),
        ('machine = "large"', 'machine = "huge"', "huge, which has no price"),
        ("as_of = 2026-01-02", "as_of = ", "Invalid value"),
    ],
)
def test_prices_that_cannot_be_used_are_refused(prices: Path, right: str, wrong: str, said: str) -> None:
    prices.write_text(PRICES.replace(right, wrong, 1))
    with pytest.raises(FileError, match=str(prices)) as refused:
        load_prices(prices)
    assert said in str(refused.value)


def test_the_command_tells_the_table_with_what_it_assumes(prices: Path) -> None:
    done = tapescan("cost", "--prices", str(prices), "--scan-ms", "500", width=160)
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0]: line.split() for line in done.stdout.splitlines() if line.strip()}
    assert rows["evening"][1:4] == ["9.40", "0.4700", "0.250"]
    assert rows["live"][1:4] == ["89.00", "0.0148", "0.250"]
    assert "1.3 times the most" in done.stdout
    assert rows["jobs"][1] == "57.55"
    assert "0.6 times the least" in done.stdout
    assert "99  feed" in done.stdout
    assert "spot costs 50% of the list price" in done.stdout
    assert "2026-01-02" in done.stdout


def test_as_json_and_with_other_hours_of_jobs(prices: Path) -> None:
    done = tapescan("cost", "--prices", str(prices), "--scan-ms", "500", "--job-hours", "70", "--json")
    told = json.loads(done.stdout)
    assert told["deployments"][2]["month"] == pytest.approx(2 * 57.55)
    assert told["deployments"][2]["scan"] is None
    assert told["scan_ms"] == 500
    assert told["data"] == [{"title": "feed", "dollars": 99}]


def test_a_file_that_is_not_there_is_one_line() -> None:
    assert "nowhere.toml: No such file" in one_line(tapescan("cost", "--prices", "nowhere.toml", "--scan-ms", "1"))


def test_a_scan_is_measured_in_cpu_time() -> None:
    """Of as many threads as there are: more symbols take longer, whatever else the machine does."""
    scan_milliseconds(256, 9)  # what is made ready beside the first scans
    few, many = (scan_milliseconds(symbols, 9) for symbols in (256, 2048))
    assert 0.0 < few < many
