"""Ray's own way from a cluster's file to its nodes, against a stand-in for AWS in this process: `python -m
tests.deploy.standin STACK FILE ...` prints as JSON what was made of each file, or why it was refused.

A process of its own, since Ray and boto3 say deprecations at will and keep clients.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml

#: From where SSH is let in.
ADDRESS = "203.0.113.7/32"

#: An image as the stand-in describes one.
IMAGE = {
    "ami_id": "ami-12c6146b",
    "architecture": "x86_64",
    "creation_date": "2026-11-01T00:00:00.000Z",
    "description": "",
    "hypervisor": "xen",
    "image_location": "amazon/image",
    "image_type": "machine",
    "name": "image",
    "owner_id": "099720109477",
    "platform": None,
    "public": True,
    "root_device_name": "/dev/sda1",
    "root_device_type": "ebs",
    "sriov": "simple",
    "state": "available",
    "virtualization_type": "hvm",
}


def made(config: dict[str, Any], stack: str) -> dict[str, Any]:
    import boto3
    from ray.autoscaler._private.aws.config import bootstrap_aws
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider

    region = config["provider"]["region"]
    ec2 = boto3.client("ec2", region)
    stacks = boto3.client("cloudformation", region)
    parameters = {"Vpc": ec2.describe_vpcs()["Vpcs"][0]["VpcId"], "SshFrom": ADDRESS}
    stacks.create_stack(
        StackName="ray",
        TemplateBody=stack,
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )
    outputs = stacks.describe_stacks(StackName="ray")["Stacks"][0]["Outputs"]
    # What a person puts in, as far as the file has the place for it.
    image = ec2.describe_images()["Images"][0]["ImageId"]
    groups = [one["OutputValue"] for one in outputs if one["OutputKey"] == "SecurityGroup"]
    for node in config["available_node_types"].values():
        node["node_config"]["ImageId"] = image
        if "SecurityGroupIds" in node["node_config"]:
            node["node_config"]["SecurityGroupIds"] = groups
    ready = bootstrap_aws(config)
    provider = AWSNodeProvider(ready["provider"], ready["cluster_name"])
    for name, node in ready["available_node_types"].items():
        kind = "head" if name == ready["head_node_type"] else "worker"
        tags = {"ray-node-type": kind, "ray-user-node-type": name, "ray-node-name": name}
        provider.create_node(node["node_config"], tags, 1)
    found = [one for group in ec2.describe_instances()["Reservations"] for one in group["Instances"]]
    group = {one["GroupId"] for instance in found for one in instance["SecurityGroups"]}
    rules = [
        (rule.get("FromPort"), source.get("CidrIp"))
        for one in ec2.describe_security_groups(GroupIds=sorted(group))["SecurityGroups"]
        for rule in one["IpPermissions"]
        for source in [*rule["IpRanges"], *rule.get("Ipv6Ranges", [])]
    ]
    iam = boto3.client("iam", region)
    return {
        "instances": {
            next(tag["Value"] for tag in one["Tags"] if tag["Key"] == "ray-user-node-type"): {
                "type": one["InstanceType"],
                "profile": one["IamInstanceProfile"]["Arn"].split("/")[-1],
                "spot": one.get("InstanceLifecycle") == "spot",
            }
            for one in found
        },
        "open": rules,
        "roles": sorted(one["RoleName"] for one in iam.list_roles()["Roles"]),
        "attached": [
            policy["PolicyName"]
            for one in iam.list_roles()["Roles"]
            for policy in iam.list_attached_role_policies(RoleName=one["RoleName"])["AttachedPolicies"]
        ],
    }


def tried(file: str, stack: str) -> dict[str, Any]:
    import jsonschema
    from botocore.exceptions import ClientError
    from moto import mock_aws
    from ray.autoscaler._private.util import prepare_config, validate_config

    # As `ray up` does before it makes anything.
    config = prepare_config(yaml.safe_load(Path(file).read_text(encoding="utf-8")))
    try:
        validate_config(config)
    except jsonschema.ValidationError as error:
        return {"refused": error.message}
    # Ray waits a quarter of a minute for a role to be known everywhere.
    with mock_aws(), patch("time.sleep"):
        try:
            return made(config, stack)
        except ClientError as error:
            return {"refused": str(error)}


def main(stack: str, *files: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as images:
        # One image instead of the stand-in's thousand.
        json.dump([IMAGE], images)
        images.flush()
        os.environ["MOTO_AMIS_PATH"] = images.name
        text = Path(stack).read_text(encoding="utf-8")
        found = [tried(file, text) for file in files]
    sys.stdout.write("\n" + json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
