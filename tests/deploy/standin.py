"""Ray's own way from a cluster's file to its nodes, against a stand-in for AWS in this process: `python -m
tests.deploy.standin FILE STACK` prints as JSON what was made.

A process of its own, since Ray and boto3 say deprecations at will and keep clients.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

#: From where SSH is let in.
ADDRESS = "203.0.113.7/32"


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


def main(file: str, stack: str) -> None:
    from moto import mock_aws
    from ray.autoscaler._private.util import prepare_config, validate_config

    with mock_aws():
        # As `ray up` does before it makes anything.
        config = prepare_config(yaml.safe_load(Path(file).read_text(encoding="utf-8")))
        validate_config(config)
        sys.stdout.write("\n" + json.dumps(made(config, Path(stack).read_text(encoding="utf-8"))) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
