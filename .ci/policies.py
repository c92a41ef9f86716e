"""Look at the policy of each role with parliament: unknown actions, resources that do not go with them.

``python .ci/policies.py PARLIAMENT``, as ``make check-aws`` does.
"""

import json
import subprocess
import sys

from pizza_assets.aws.permissions import ROLES, policy_of

_NAMES = {
    "${Suffix}": "suffix",
    "${AWS::Partition}": "aws",
    "${AWS::Region}": "us-east-1",
    "${AWS::AccountId}": "123456789012",
}


def filled(role: str) -> str:
    """Return a role's policy as IAM gets it."""
    document = policy_of(role)  # type: ignore[arg-type] # one of ROLES
    text = json.dumps(document)
    for name, value in _NAMES.items():
        text = text.replace(name, value)
    policy = json.loads(text)
    for item in policy["Statement"]:
        if isinstance(item["Resource"], dict):
            item["Resource"] = item["Resource"]["Fn::Sub"]
    return json.dumps(policy)


def main() -> None:
    """Print what parliament finds, and end with 1 when it finds something."""
    found = 0
    for role in ROLES:
        done = subprocess.run(  # noqa: S603 the program that make names
            [sys.argv[1], "--string", filled(role), "--json"], capture_output=True, text=True, check=False
        )
        if done.stderr.strip():
            sys.exit(done.stderr)
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        found += len(lines)
        for line in lines:
            print(f"{role}: {line}")
    print(f"{len(ROLES)} policies, {found} findings.")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
