"""The files of `deploy/` before the tools that would run them, as far as a machine without a cloud has these: each
tool takes the file as it is, and refuses it with a mistake. A tool that is not there skips its tests and says so.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.rules import DEPLOY

ROOT = DEPLOY.parent


def tool(name: str) -> str:
    """A program, beside this Python or on the path; skips the test where it is not there."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: what it checks was not checked")
    return found


def needs(*modules: str) -> None:
    for module in modules:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed: what it checks was not checked")


def run(*words: str, variables: dict[str, str] | None = None) -> tuple[int, str]:
    done = subprocess.run(
        words,
        check=False,
        cwd=ROOT,
        env=os.environ | (variables or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [("", "", ""), ("FROM ${BASE}\n", "FROM python:latest\n", "DL3007"), ("USER 10001:10001", "USER root", "DL3002")],
)
def test_hadolint(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    file = tmp_path / "Containerfile"
    file.write_text((DEPLOY / "Containerfile").read_text(encoding="utf-8").replace(right, wrong))
    code, told = run(tool("hadolint"), str(file))
    assert (code != 0) == bool(said), told
    assert said in told


@pytest.mark.parametrize("name", ["build.sh", "evening.sh"])
def test_scripts_are_scripts(name: str) -> None:
    shell = (DEPLOY / name).read_text(encoding="utf-8").splitlines()[0].split()[-1].split("/")[-1]
    assert run(tool(shell), "-n", str(DEPLOY / name)) == (0, "")


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("", "", ""),
        ("MemoryMax", "MemoryMaximum", "Unknown key"),
        ("User=tapescan", "User=tapescan\nProtectHome=perhaps", "Failed to parse"),
        ("18:30 America/New_York", "25:30 America/New_York", "Failed to parse calendar"),
    ],
)
def test_systemd_takes_the_units(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    """It says what it does not understand, and succeeds all the same."""
    for path in (DEPLOY / "systemd").iterdir():
        # The program is not installed here.
        text = path.read_text(encoding="utf-8").replace("/opt/tapescan/bin/tapescan", sys.executable)
        (tmp_path / path.name).write_text(text.replace(right, wrong))
    units = sorted(map(str, tmp_path.iterdir()))
    verify = (tool("systemd-analyze"), "verify", "--man=no")
    _, told = run(*verify, *units, variables={"SYSTEMD_UNIT_PATH": f"{tmp_path}:"})
    # Of our units alone, not of those that this machine has.
    lines = [line for line in told.splitlines() if "tapescan" in line]
    assert [said in line for line in lines[:1]] == [True] * bool(said), told


@pytest.mark.parametrize(
    ("right", "wrong", "fits"),
    [("", "", True), ("mem_limit", "memory_limit", False), ("interval: 30s", "intervall: 30s", False)],
)
def test_the_compose_file_fits_the_schema(right: str, wrong: str, fits: bool) -> None:
    needs("jsonschema", "check_jsonschema")
    import jsonschema

    spec = importlib.util.find_spec("check_jsonschema")
    assert spec is not None
    assert spec.origin is not None
    schemas = Path(spec.origin).with_name("builtin_schemas") / "vendor"
    schema = json.loads((schemas / "compose-spec.json").read_text(encoding="utf-8"))
    config = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8").replace(right, wrong))
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert validator.is_valid(config) == fits


@pytest.mark.parametrize("file", ["ray-aws.yaml", "ray-aws-gpu.yaml"])
@pytest.mark.parametrize(
    ("right", "wrong", "fits"),
    [("", "", True), ("MarketType", "MarketTyp", False), ("VolumeSize", "VolumSize", False)],
)
def test_nodes_are_what_aws_takes(file: str, right: str, wrong: str, fits: bool) -> None:
    """By the description of its interface that its library carries."""
    needs("botocore")
    import botocore.session
    from botocore.validate import ParamValidator

    service = botocore.session.get_session().get_service_model("ec2")
    shape = service.operation_model("RunInstances").input_shape
    config = yaml.safe_load((DEPLOY / file).read_text(encoding="utf-8").replace(right, wrong))
    faults = [
        ParamValidator().validate({**node["node_config"], "MinCount": 1, "MaxCount": 1}, shape).generate_report()
        for node in config["available_node_types"].values()
    ]
    assert (not any(faults)) == fits, faults


#: Files that Ray makes a cluster of, and one change of each.
TRIED = {
    "as it is": ("ray-aws.yaml", "", ""),
    "gpu": ("ray-aws-gpu.yaml", "", ""),
    "no group": ("ray-aws.yaml", "      SecurityGroupIds: [sg-00000000000000000]\n", ""),
    "no role": ("ray-aws.yaml", "      IamInstanceProfile: { Name: tapescan-ray-head }\n", ""),
    "misspelt": ("ray-aws.yaml", "idle_timeout_minutes", "idle_minutes"),
}


@pytest.mark.long
def test_ray_makes_of_the_files_what_they_say(tmp_path: Path) -> None:
    """All in one process, since most of the time is the stand-in's start."""
    needs("ray", "moto", "boto3")
    files = []
    for name, (file, right, wrong) in TRIED.items():
        files.append(tmp_path / f"{name}.yaml")
        files[-1].write_text((DEPLOY / file).read_text(encoding="utf-8").replace(right, wrong))
    code, told = run(
        *(sys.executable, "-m", "tests.deploy.standin", str(DEPLOY / "ray-aws-stack.yaml"), *map(str, files)),
        variables={"HOME": str(tmp_path), "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"},
    )
    assert code == 0, told
    made: dict[str, Any] = dict(zip(TRIED, json.loads(told.splitlines()[-1]), strict=True))
    for name, kinds in (("as it is", ("c6i.2xlarge", "c6i.4xlarge")), ("gpu", ("c6i.large", "g4dn.xlarge"))):
        assert made[name]["instances"] == {
            "head": {"type": kinds[0], "profile": "tapescan-ray-head", "spot": False},
            "worker": {"type": kinds[1], "profile": "tapescan-ray-worker", "spot": True},
        }
        assert made[name]["open"] == [[22, "203.0.113.7/32"]]
        assert made[name]["roles"] == ["tapescan-ray-head", "tapescan-ray-worker"]
        assert made[name]["attached"] == []
    # Which is why the file names a group, and may not leave it to Ray.
    assert [22, "0.0.0.0/0"] in made["no group"]["open"]
    # Nor a role: Ray would make one that may do all, by a policy that the stand-in lacks.
    assert "AmazonEC2FullAccess" in made["no role"]["refused"]
    assert "idle_minutes" in made["misspelt"]["refused"]
