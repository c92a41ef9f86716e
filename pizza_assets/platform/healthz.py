"""Is the webserver of Dagster healthy: does it answer, is the code location loaded, are the daemons alive.

``python -m pizza_assets.platform.healthz http://127.0.0.1:3000`` ends with 0 or 1; containers ask it. The webserver's
own /server_info, which load balancers ask, says the first only. Does not belong here: starting anything.
"""

import sys
from collections.abc import Mapping
from typing import Any

import requests

_SECONDS = 10
_QUERY = """
{
  workspaceOrError {
    ... on Workspace { locationEntries { name locationOrLoadError { __typename ... on PythonError { message } } } }
    ... on PythonError { message }
  }
  instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } }
}
"""


def problems(address: str) -> list[str]:
    """Return what is wrong with the webserver at an address; nothing when it is healthy."""
    base = address.rstrip("/")
    try:
        requests.get(f"{base}/server_info", timeout=_SECONDS).raise_for_status()
        answer = requests.post(f"{base}/graphql", json={"query": _QUERY}, timeout=_SECONDS)
        answer.raise_for_status()
        return judged(answer.json()["data"])
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        return [f"the webserver at {base} does not answer as expected ({type(error).__name__})"]


def judged(data: Mapping[str, Any]) -> list[str]:
    """Return what is wrong, of the answer to the query."""
    workspace = data["workspaceOrError"]
    if "locationEntries" not in workspace:
        return [f"no code location: {workspace.get('message', 'Dagster gives no reason')}"]
    found = []
    for entry in workspace["locationEntries"]:
        loaded = entry["locationOrLoadError"] or {}
        if loaded.get("__typename") != "RepositoryLocation":
            reason = str(loaded.get("message", "it is not loaded yet")).strip().splitlines()[0]
            found.append(f"the code location {entry['name']}: {reason}")
    if not workspace["locationEntries"]:
        found.append("no code location is configured")
    daemons = data["instance"]["daemonHealth"]["allDaemonStatuses"]
    silent = (daemon["daemonType"] for daemon in daemons if daemon["required"] and not daemon["healthy"])
    return found + [f"the daemon {name} gives no sign of life" for name in silent]


def main() -> None:
    """Print what is wrong, and end with 1 when something is."""
    found = problems(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:3000")
    sys.stdout.write(f"{'; '.join(found) or 'ok'}\n")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
