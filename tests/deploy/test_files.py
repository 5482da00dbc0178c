"""The files of `deploy/` say what they must, and a planted mistake in any of them is found."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer

from tapescan.interfaces.cli.main import app
from tests.deploy.rules import (
    DEPLOY,
    commands_of,
    compose_faults,
    container_faults,
    kubernetes_faults,
    ray_faults,
    stack_faults,
    unit_faults,
)

RULES: dict[str, Callable[[str], Iterator[str]]] = {
    "Containerfile": container_faults,
    "compose.yaml": compose_faults,
    "kuberay.yaml": kubernetes_faults,
    "ray-aws.yaml": ray_faults,
    "ray-aws-gpu.yaml": ray_faults,
    "ray-aws-stack.yaml": stack_faults,
}

#: A file, what stands there, the mistake in its place, and what is said of it.
PLANTS = [
    ("Containerfile", "USER 10001:10001", "USER root", "root"),
    ("Containerfile", "USER 10001:10001\n", "", "root"),
    ("Containerfile", "HEALTHCHECK --interval=5m --timeout=30s --retries=3 CMD", "CMD", "no health check"),
    ("compose.yaml", "127.0.0.1:8000:8000", "8000:8000", "server: open 8000:8000"),
    ("Containerfile", "RUN groupadd", "RUN apt-get install gcc && groupadd", "installs in the last stage"),
    ("compose.yaml", "read_only: true\n  user", "user", "scheduler: read_only None"),
    ("compose.yaml", 'user: "999:999"', 'user: "0"', "redis: root"),
    ("compose.yaml", 'user: "10001:10001"', "privileged: true", "watch: privileged True"),
    (
        "compose.yaml",
        "    networks: [inside]\n\nnetworks",
        '    ports: ["6379:6379"]\n\nnetworks',
        "redis: open 6379",
    ),
    ("compose.yaml", "redis:7.4-bookworm", "redis:latest", "redis:latest has no version"),
    ("kuberay.yaml", "mode: token", "mode: none", "no token"),
    ("kuberay.yaml", "authOptions", "authOption", "spec: authOption?"),
    ("kuberay.yaml", "dashboard-host: 127.0.0.1", "dashboard-host: 0.0.0.0", "the dashboard is not on loopback"),
    ("kuberay.yaml", "runAsNonRoot: true", "runAsNonRoot: false", "root"),
    ("kuberay.yaml", 'num-cpus: "0"', 'num-cpus: "2"', "the head runs tasks"),
    ("kuberay.yaml", "maxReplicas", "maxReplica", "workers: maxReplica?"),
    ("ray-aws.yaml", "cache_stopped_nodes", "cache_stoped_nodes", "provider: cache_stoped_nodes?"),
    ("ray-aws.yaml", "auth:", "  security_group: { GroupName: x }\n\nauth:", "provider: security_group?"),
    ("ray-aws.yaml", "SecurityGroupIds", "SecurityGroupId", "no security group of its own"),
    ("ray-aws.yaml", "ImageId: ami-00000000000000000", "ImageId: latest_dlami", "no image of its own"),
    ("ray-aws.yaml", "      IamInstanceProfile: { Name: tapescan-ray-worker }\n", "", "worker: no instance profile"),
    ("ray-aws.yaml", "--dashboard-host=127.0.0.1", "--dashboard-host=0.0.0.0", "the dashboard is not on loopback"),
    ("ray-aws.yaml", "RAY_AUTH_MODE=token ", "", "without a token"),
    ("ray-aws.yaml", "MarketType: spot", "MarketType: capacity-block", "worker: not spot"),
    ("ray-aws.yaml", "resources: { CPU: 0 }", "resources: { CPU: 8 }", "the head runs tasks"),
    ("ray-aws.yaml", "    max_workers: 5", "    max_workers: 50", "worker: not from 0 to 5"),
    ("ray-aws-gpu.yaml", "HttpTokens: required", "HttpTokens: optional", "metadata without a token"),
    ("ray-aws-stack.yaml", "CidrIp: { Ref: SshFrom }", "CidrIp: 0.0.0.0/0", "Nodes: open to 0.0.0.0/0"),
    (
        "ray-aws-stack.yaml",
        "RoleName: tapescan-ray-head",
        'ManagedPolicyArns: ["arn:aws:iam::aws:policy/AmazonEC2FullAccess"]',
        "HeadRole: arn:aws:iam::aws:policy/AmazonEC2FullAccess",
    ),
    ("ray-aws-stack.yaml", 'Action: "iam:PassRole"', 'Action: "iam:*"', "HeadRole: may iam:*"),
    ("ray-aws-stack.yaml", 'Resource: "arn:aws:ec2:*:*:instance/*"', 'Resource: "*"', "on everything"),
]

#: The same of units.
UNITS = [
    ("tapescan-scan.service", "User=tapescan", "User=root", "tapescan-scan.service: root"),
    ("tapescan-watch.service", "ProtectSystem=strict", "ProtectSystem=full", "tapescan-watch.service: ProtectSystem"),
    (
        "tapescan-sync.service",
        "tapescan-scan.service",
        "tapescan-scans.service",
        "tapescan-sync.service: tapescan-scans.service is not there",
    ),
    ("tapescan-live.service", "NoNewPrivileges=yes", "", "tapescan-live.service: NoNewPrivileges"),
    ("tapescan-serve.service", "PrivateTmp=yes", "PrivateTmp=no", "tapescan-serve.service: PrivateTmp"),
    ("tapescan-options.service", "MemoryMax", "MemoryMaximum", "tapescan-options.service: no MemoryMax"),
]

#: Files that start commands.
STARTING = ["Containerfile", "compose.yaml", "evening.sh", *(f"systemd/{name}" for name, *_ in UNITS)]


@pytest.mark.parametrize("name", RULES)
def test_a_file_breaks_no_rule(name: str) -> None:
    assert list(RULES[name]((DEPLOY / name).read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(("name", "right", "wrong", "said"), PLANTS, ids=[f"{p[0]}: {p[3]}" for p in PLANTS])
def test_a_mistake_is_found(name: str, right: str, wrong: str, said: str) -> None:
    text = (DEPLOY / name).read_text(encoding="utf-8")
    assert right in text
    assert any(said in fault for fault in RULES[name](text.replace(right, wrong)))


def test_units_break_no_rule() -> None:
    assert list(unit_faults(DEPLOY / "systemd")) == []


@pytest.mark.parametrize(("name", "right", "wrong", "said"), UNITS, ids=[one[0] for one in UNITS])
def test_a_mistake_in_a_unit_is_found(tmp_path: Path, name: str, right: str, wrong: str, said: str) -> None:
    for path in (DEPLOY / "systemd").iterdir():
        text = path.read_text(encoding="utf-8")
        (tmp_path / path.name).write_text(text.replace(right, wrong) if path.name == name else text)
    assert said in list(unit_faults(tmp_path))


def refused(words: list[str]) -> str:
    """What is wrong with a command; empty where it would start."""
    try:
        typer.main.get_command(app).commands[words[0]].make_context(words[0], words[1:])  # type: ignore[attr-defined]
    except (KeyError, typer.exceptions.TyperException) as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", STARTING)
def test_what_is_started_is_a_command_with_its_options(name: str) -> None:
    commands = commands_of(Path(name).name, (DEPLOY / name).read_text(encoding="utf-8"))
    assert commands
    assert [refused(words) for words in commands if words != ["--version"]] == [""] * sum(
        words != ["--version"] for words in commands
    )


def test_a_command_that_is_none_is_refused() -> None:
    assert refused(["serves"])
    assert refused(["watch", "--publishes", "market"])
    assert not refused(["watch", "--publish", "market"])


@pytest.mark.parametrize(
    ("sync", "scan", "code", "scanned"), [(0, 0, 0, True), (1, 0, 0, True), (2, 0, 2, False), (0, 2, 2, True)]
)
def test_an_evening_scans_what_it_fetched_and_tells_a_failure(
    tmp_path: Path, sync: int, scan: int, code: int, scanned: bool
) -> None:
    """A sync that is partial is no failure; after a failure the file says so until an evening succeeds."""
    program = tmp_path / "tapescan"
    program.write_text(
        f'#!/bin/sh\necho "$1" >> {tmp_path}/ran\ncase $1 in sync) exit {sync};; scan) exit {scan};; esac\n'
    )
    program.chmod(0o755)
    failed = tmp_path / "failed"
    failed.touch()
    variables = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "EVENING_FAILED": str(failed)}
    done = subprocess.run([str(DEPLOY / "evening.sh")], env=variables, check=False, timeout=30)
    assert done.returncode == code
    assert (tmp_path / "ran").read_text().split() == ["sync", "scan"][: 1 + scanned]
    assert failed.exists() == (code != 0)


def test_an_evening_at_no_time_is_refused_at_once() -> None:
    done = subprocess.run(
        [str(DEPLOY / "evening.sh"), "late"], check=False, timeout=30, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "late" in done.stderr
