"""What the files of `deploy/` must say beside what their schemas ask: each rule gives the faults it finds."""

from __future__ import annotations

import configparser
import re
import shlex
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import yaml

__all__ = [
    "DEPLOY",
    "commands_of",
    "compose_faults",
    "container_faults",
    "kubernetes_faults",
    "ray_faults",
    "stack_faults",
    "unit_faults",
]

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"

#: What Ray's AWS provider reads; its schema takes any other word without a sound. Not `security_group`: whatever
#: rules are given there, Ray adds one for SSH from everywhere.
PROVIDER = {
    "type",
    "region",
    "availability_zone",
    "cache_stopped_nodes",
    "use_internal_ips",
    "use_external_head_ip",
    "key_pair",
    "aws_credentials",
}

#: Actions that only look, and so may be allowed on everything.
LOOKING = re.compile(r"\w+:(Describe|Get|List)\w+")


def ray_faults(text: str) -> Iterator[str]:
    config = yaml.safe_load(text)
    provider = config["provider"]
    yield from (f"provider: {name}?" for name in provider.keys() - PROVIDER)
    types = config["available_node_types"]
    head = types[config["head_node_type"]]
    if head.get("resources", {}).get("CPU") != 0 or "--num-cpus=0" not in " ".join(config["head_start_ray_commands"]):
        yield "the head runs tasks"
    for name, node in types.items():
        yield from (f"{name}: {fault}" for fault in _node_faults(node["node_config"]))
        if node is head:
            continue
        if node["node_config"].get("InstanceMarketOptions", {}).get("MarketType") != "spot":
            yield f"{name}: not spot"
        if node.get("min_workers", 0) != 0 or not 1 <= node["max_workers"] <= config["max_workers"] <= 5:
            yield f"{name}: not from 0 to 5"
    started = [*config["head_start_ray_commands"], *config["worker_start_ray_commands"]]
    for line in started:
        if "ray start" in line and "RAY_AUTH_MODE=token" not in line:
            yield f"without a token: {line}"
        if "--head" in line and "--dashboard-host=127.0.0.1" not in line:
            yield "the dashboard is not on loopback"
    if "/home/ubuntu/.ray/auth_token" not in config["file_mounts"]:
        yield "the nodes get no token"


def _node_faults(config: dict[str, Any]) -> Iterator[str]:
    if not str(config.get("ImageId", "")).startswith("ami-"):
        yield "no image of its own"
    groups = config.get("SecurityGroupIds", [])
    if not groups or not all(one.startswith("sg-") for one in groups):
        yield "no security group of its own: Ray's is open to the world"
    if set(config.get("IamInstanceProfile", {})) != {"Name"}:
        yield "no instance profile of its own"
    if config.get("MetadataOptions", {}).get("HttpTokens") != "required":
        yield "metadata without a token"
    if not all(one["Ebs"].get("Encrypted") for one in config.get("BlockDeviceMappings", [{"Ebs": {}}])):
        yield "a disk in the clear"


def stack_faults(text: str) -> Iterator[str]:
    for name, resource in yaml.safe_load(text)["Resources"].items():
        properties = resource["Properties"]
        for rule in (properties, *properties.get("SecurityGroupIngress", [])):
            yield from (f"{name}: open to {rule[key]}" for key in ("CidrIp", "CidrIpv6") if _is_open(rule.get(key)))
        yield from (f"{name}: {arn}" for arn in properties.get("ManagedPolicyArns", []))
        for policy in properties.get("Policies", []):
            for one in policy["PolicyDocument"]["Statement"]:
                actions = [one["Action"]] if isinstance(one["Action"], str) else one["Action"]
                yield from (f"{name}: may {action}" for action in actions if "*" in action)
                if one["Resource"] == "*" and not all(LOOKING.fullmatch(action) for action in actions):
                    yield f"{name}: may {', '.join(actions)} on everything"
                if set(actions) & {"ec2:TerminateInstances", "iam:PassRole"} and "Condition" not in one:
                    yield f"{name}: {', '.join(actions)} without a condition"


def _is_open(source: Any) -> bool:
    """More than a network of 256; what a person gives is bounded by the parameter's own pattern."""
    return isinstance(source, str) and ip_network(source).num_addresses > 256


def compose_faults(text: str) -> Iterator[str]:
    for name, service in yaml.safe_load(text)["services"].items():
        wanted = {
            "read_only": True,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            "privileged": None,
            "network_mode": None,
        }
        yield from (f"{name}: {key} {service.get(key)}" for key, value in wanted.items() if service.get(key) != value)
        if str(service.get("user", "0")).split(":")[0] in {"0", "root"}:
            yield f"{name}: root"
        yield from (f"{name}: no {key}" for key in ("healthcheck", "mem_limit", "restart") if key not in service)
        yield from (f"{name}: open {port}" for port in service.get("ports", []) if "127.0.0.1:" not in str(port))
        if "docker.sock" in str(service.get("volumes", "")):
            yield f"{name}: holds the whole machine"
        if not re.search(r":[\w.-]*\d", str(service["image"])):
            yield f"{name}: {service['image']} has no version"


def unit_faults(folder: Path) -> Iterator[str]:
    """Of a folder of units, together."""
    there = {path.name for path in folder.iterdir()}
    for path in sorted(folder.iterdir()):
        unit = configparser.ConfigParser(strict=True, interpolation=None)
        unit.optionxform = str  # type: ignore[assignment, method-assign]
        unit.read(path)
        if path.suffix == ".timer":
            if path.with_suffix(".service").name not in there:
                yield f"{path.name}: starts nothing"
            continue
        service = unit["Service"]
        wanted = {
            "ProtectSystem": "strict",
            "NoNewPrivileges": "yes",
            "ProtectHome": "yes",
            "PrivateTmp": "yes",
            "CapabilityBoundingSet": "",
        }
        yield from (f"{path.name}: {key}" for key, value in wanted.items() if service.get(key) != value)
        yield from (f"{path.name}: no {key}" for key in ("MemoryMax", "StateDirectory") if key not in service)
        if service.get("User", "root") in {"root", "0"}:
            yield f"{path.name}: root"
        follows = unit["Unit"].get("OnSuccess", "")
        if follows and follows not in there:
            yield f"{path.name}: {follows} is not there"


def kubernetes_faults(text: str) -> Iterator[str]:
    config = yaml.safe_load(text)
    spec = config["spec"]
    known = {"rayVersion", "authOptions", "enableInTreeAutoscaling", "autoscalerOptions", "headGroupSpec"}
    yield from (f"spec: {name}?" for name in spec.keys() - known - {"workerGroupSpecs"})
    if spec.get("authOptions") != {"mode": "token"}:
        yield "no token"
    head, groups = spec["headGroupSpec"], spec["workerGroupSpecs"]
    if head["rayStartParams"].get("num-cpus") != "0":
        yield "the head runs tasks"
    if head["rayStartParams"].get("dashboard-host") != "127.0.0.1":
        yield "the dashboard is not on loopback"
    known = {"groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"}
    for group in groups:
        yield from (f"{group['groupName']}: {name}?" for name in group.keys() - known)
        if (group.get("minReplicas"), group.get("maxReplicas")) != (0, 5):
            yield f"{group['groupName']}: not from 0 to 5"
    locked = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    containers = [{"name": "autoscaler", **spec.get("autoscalerOptions", {})}]
    for pod in (head, *groups):
        inside = pod["template"]["spec"]
        if not inside.get("securityContext", {}).get("runAsNonRoot"):
            yield "root"
        containers += inside["containers"]
    for container in containers:
        if container.get("securityContext") != locked:
            yield f"{container['name']}: {container.get('securityContext')}"
        if "limits" not in container.get("resources", {}):
            yield f"{container['name']}: no limits"


def container_faults(text: str) -> Iterator[str]:
    joined = re.sub(r"\\\n", " ", text)
    lines = [
        line.split(None, 1) for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]
    starts = [at for at, line in enumerate(lines) if line[0] == "FROM"]
    if len(starts) < 2:
        yield "one stage"
    last = lines[starts[-1] :]
    users = [line[1] for line in last if line[0] == "USER"]
    if not users or users[-1].split(":")[0] in {"0", "root"}:
        yield "root"
    if not any(line[0] == "HEALTHCHECK" and "CMD" in line[1] for line in last):
        yield "no health check"
    for line in last:
        if line[0] == "RUN" and re.search(r"\b(apt-get|apk|pip|gcc|make)\b", line[1]):
            yield f"installs in the last stage: {line[1]}"


def commands_of(name: str, text: str) -> list[list[str]]:
    """The words after `tapescan` of each command that a file starts."""
    if name.endswith(".service"):
        return [shlex.split(words) for words in re.findall(r"^ExecStart=\S+/tapescan (.+)$", text, re.M)]
    if name.endswith(".sh"):
        return [shlex.split(words) for words in re.findall(r"^ *tapescan (.+)$", text, re.M)]
    if name == "Containerfile":
        return [re.findall(r'"([^"]+)"', words) for words in re.findall(r'CMD \["tapescan", (.+)\]', text)]
    services = yaml.safe_load(text)["services"].values()
    return [one["command"] for one in services if "tapescan" in one["image"] and "entrypoint" not in one]
