"""What it costs to run this: dollars a month and a scan of each deployment, by a file's prices and a scan's CPU time.

    month    = sum of parts (count x hours x (machine x spot + address) + disk) + Redis
    cores    = vCPUs of the largest machine, on which scans run, x what a vCPU is worth of a core
    seconds  = CPU time of a scan / cores
    busy     = scans x seconds / hours of the machines

Disks that are kept are paid for the whole month. Data is another bill, and told beside it.
"""

from __future__ import annotations

import datetime as dt
import statistics
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from tapescan.core.errors import FileError
from tapescan.core.progress import Progress, silent
from tapescan.core.results import Result
from tapescan.core.toml import read_toml
from tapescan.features.plan import default_features
from tapescan.features.warm import warm_up
from tapescan.history.market import simulated_market
from tapescan.scan.pipeline import prepare, run
from tapescan.scan.profile import DEFAULT_PROFILE, load_profile

__all__ = ["Cost", "Costs", "Prices", "costs_of", "load_prices", "scan_milliseconds"]

Dollars = Annotated[float, msgspec.Meta(ge=0)]
Hours = Annotated[float, msgspec.Meta(gt=0)]
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
Number = Annotated[int, msgspec.Meta(ge=1)]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A misspelt name is refused."""


class Machine(_Strict, frozen=True):
    """dollars : an hour. memory : GiB."""

    dollars: Dollars
    vcpus: Number
    memory: Number


class Extras(_Strict, frozen=True):
    """disk : a GB for a month. address : an hour. redis : a month."""

    disk: Dollars
    address: Dollars
    redis: Dollars


class Assumed(_Strict, frozen=True):
    """spot : of the list price. vcpu : of a core. hours, job_hours : of a month. sessions : of a year.
    evening_hours : of an evening."""

    spot: Share
    vcpu: Share
    hours: Hours
    sessions: Number
    session_hours: Hours
    evening_hours: Hours
    job_hours: Hours


class Part(_Strict, frozen=True):
    """Machines of one kind. disk : GB each. keep : whether the disk stays while the machine is down."""

    machine: str
    hours: Literal["always", "market", "evening", "jobs"]
    count: Number = 1
    spot: bool = False
    disk: Annotated[float, msgspec.Meta(ge=0)] = 0
    keep: bool = False


class Deployment(_Strict, frozen=True):
    """claimed : dollars a month that were expected, from, to."""

    name: str
    title: str
    parts: Annotated[tuple[Part, ...], msgspec.Meta(min_length=1)]
    scans: Literal["evening", "minute", "none"] = "none"
    redis: bool = False
    claimed: tuple[Dollars, Dollars] | None = None


class Data(_Strict, frozen=True):
    """dollars : a month."""

    title: str
    dollars: Dollars


class Prices(_Strict, frozen=True):
    """A file of prices: `prices.toml` says what each means."""

    as_of: dt.date
    region: str
    source: str
    machines: dict[str, Machine]
    extras: Extras
    assumed: Assumed
    deployments: tuple[Deployment, ...]
    data: tuple[Data, ...] = ()


class Cost(Result, msgspec.Struct, frozen=True):
    """A deployment's: dollars a month, and a scan where it scans.

    hours : of a month that its machines are up. cores : of the largest, in cores of the machine that measured.
    scans : a month. seconds : of one. busy : the part of the hours that scans take; above 1 it is too small.
    claimed : dollars a month that were expected, from, to.
    """

    name: str
    title: str
    month: float
    hours: float
    cores: float
    scans: float
    scan: float | None
    seconds: float
    busy: float
    claimed: tuple[float, float] | None


class Costs(Result, msgspec.Struct, frozen=True):
    """scan_ms : CPU time of one scan. assumed : a line each."""

    as_of: dt.date
    region: str
    scan_ms: float
    deployments: tuple[Cost, ...]
    data: tuple[Data, ...]
    assumed: tuple[str, ...]


def load_prices(path: Path | None = None) -> Prices:
    """Of a file, or those that come with the package. Raises FileError for what is no file of prices."""
    place = path or Path(str(resources.files("tapescan.bench") / "prices.toml"))
    try:
        prices = msgspec.convert(read_toml(place), Prices)
    except OSError as error:
        raise FileError(f"{place}: {error.strerror or error}", "name a readable TOML file") from error
    except (ValueError, msgspec.ValidationError) as error:
        raise FileError(f"{place}: {error}", "tapescan/bench/prices.toml shows the form") from error
    for one in prices.deployments:
        for part in one.parts:
            if part.machine not in prices.machines:
                known = ", ".join(prices.machines)
                raise FileError(
                    f"{place}: {one.name} is made of {part.machine}, which has no price", f"one of {known}"
                )
    return prices


def costs_of(prices: Prices, scan_ms: float) -> Costs:
    """Of every deployment. scan_ms : CPU milliseconds of a scan, of all threads together."""
    return Costs(
        as_of=prices.as_of,
        region=prices.region,
        scan_ms=scan_ms,
        deployments=tuple(_cost(one, prices, scan_ms) for one in prices.deployments),
        data=prices.data,
        assumed=_assumptions(prices),
    )


def _cost(one: Deployment, prices: Prices, scan_ms: float) -> Cost:
    assumed = prices.assumed
    hours = {name: _hours(name, assumed) for name in ("always", "market", "evening", "jobs")}
    month, cores = prices.extras.redis * one.redis, 0.0
    for part in one.parts:
        machine, up = prices.machines[part.machine], hours[part.hours]
        an_hour = machine.dollars * (assumed.spot if part.spot else 1.0) + prices.extras.address
        disk = prices.extras.disk * part.disk * (1.0 if part.keep else up / assumed.hours)
        month += part.count * (up * an_hour + disk)
        cores = max(cores, machine.vcpus * assumed.vcpu)
    scans = {"evening": 1.0, "minute": 60.0 * assumed.session_hours, "none": 0.0}[one.scans] * assumed.sessions / 12
    up, seconds = max(hours[part.hours] for part in one.parts), scan_ms / 1e3 / cores
    # Scans of a session have its hours, however long the machine is up besides.
    within = min(up, hours["market"]) if one.scans == "minute" else up
    return Cost(
        name=one.name,
        title=one.title,
        month=month,
        hours=up,
        cores=cores,
        scans=scans,
        scan=month / scans if scans else None,
        seconds=seconds,
        busy=scans * seconds / (3600.0 * within),
        claimed=one.claimed,
    )


def _hours(name: str, assumed: Assumed) -> float:
    """Of a month."""
    sessions = assumed.sessions / 12
    return {
        "always": assumed.hours,
        "market": sessions * assumed.session_hours,
        "evening": sessions * assumed.evening_hours,
        "jobs": assumed.job_hours,
    }[name]


def _assumptions(prices: Prices) -> tuple[str, ...]:
    a, extras = prices.assumed, prices.extras
    return (
        f"{prices.source}, {prices.region}, {prices.as_of}, without tax; your region and day have others",
        f"spot costs {a.spot:.0%} of the list price, and may be taken away within minutes",
        f"a vCPU does {a.vcpu:g} of what a core of the machine that measured does; a scan runs on one machine",
        f"a month has {a.hours:g} hours and {a.sessions / 12:g} sessions of {a.session_hours:g} hours; "
        f"an evening takes {a.evening_hours:g} h, jobs {a.job_hours:g} h a month",
        f"a GB of disk is ${extras.disk:g} a month, an address ${extras.address:g} an hour, "
        f"Redis ${extras.redis:g} a month",
        "no traffic, no backups, nobody's time; a scan is a warm one of a simulated market, its bars in memory",
    )


def scan_milliseconds(symbols: int = 6000, rounds: int = 5, progress: Progress | None = None) -> float:
    """CPU milliseconds of a whole warm scan with all default features, all threads together; the median of rounds."""
    say = progress or silent
    say(0, 0, "simulating a market")
    market = simulated_market(symbols=symbols, sessions=260)
    request = prepare(load_profile(DEFAULT_PROFILE), features=default_features())
    warm_up(request.plan, say)

    def scan() -> None:
        market.kept.clear()  # a scan is timed whole
        _ = run(market, request).frame

    scan()
    taken = []
    for number in range(rounds):
        say(number, rounds, "timing scans")
        taken.append(_cpu_milliseconds(scan))
    return statistics.median(taken)


def _cpu_milliseconds(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return (time.process_time() - begin) * 1e3
