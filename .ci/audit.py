"""Ask pip-audit about every locked package; where no service is reached, read what one said earlier.

Usage: python .ci/audit.py [--update]; --update also stores what the service said, in .ci/advisories.json.
Exit code: 0 every package was looked up and none has a known vulnerability; 1 some have; 2 some were not looked up.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
LOCKS = [ROOT / "requirements.lock", ROOT / "requirements-spark.lock"]
STORED = Path(__file__).with_name("advisories.json")


def locked() -> Iterator[str]:
    """Yield "name version" of each package that is installed on this kind of machine."""
    for lock in LOCKS:
        for line in lock.read_text(encoding="utf-8").splitlines():
            if line[:1].isalnum():
                package = Requirement(line.rstrip("\\ "))
                if package.marker is None or package.marker.evaluate():
                    yield f"{package.name} {str(package.specifier).removeprefix('==')}"


def ask(service: str) -> dict[str, list[str]]:
    """Return the vulnerabilities of each package that a service looked up; empty when it does not answer."""
    options = ["--disable-pip", "--require-hashes", "--progress-spinner=off", "--timeout=15", "--format=json"]
    options += [option for lock in LOCKS for option in ("-r", str(lock))]
    command = [sys.executable, "-m", "pip_audit", f"--vulnerability-service={service}", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 our own command
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (json.JSONDecodeError, KeyError):
        return {}
    # Of a package that the service does not know pip-audit says nothing else than of one without vulnerabilities.
    return {
        f"{package['name']} {package['version']}": [
            f"{found['id']}, fixed in {' or '.join(found['fix_versions']) or 'no version yet'}"
            for found in package["vulns"]
        ]
        for package in packages
        if "skip_reason" not in package
    }


def main() -> int:
    """Print a line for each vulnerability and a summary; return the exit code."""
    if find_spec("pip_audit") is None:
        sys.exit("pip-audit is not installed. Run 'make setup'.")
    service, said = next(((name, found) for name in ("pypi", "osv") if (found := ask(name))), ("", {}))
    source = f"{service} was asked now"
    if said and "--update" in sys.argv:
        stored = {"service": service, "asked_at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "packages": said}
        STORED.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    elif not said and STORED.exists():
        stored = json.loads(STORED.read_text(encoding="utf-8"))
        said, source = (
            stored["packages"],
            f"no service was reached; {stored['service']} said so on {stored['asked_at']}",
        )
    elif not said:
        source = "no service was reached, and nothing is stored: run 'make audit-update' where the network is there"
    packages = sorted(locked())
    vulnerable = [f"{name}: {found}" for name in packages for found in said.get(name, [])]
    unknown = sum(name not in said for name in packages)
    print(*vulnerable, sep="\n", end="\n" if vulnerable else "")
    print(f"{len(packages)} locked packages, {len(vulnerable)} vulnerabilities, {unknown} not looked up ({source}).")
    return 1 if vulnerable else 2 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
