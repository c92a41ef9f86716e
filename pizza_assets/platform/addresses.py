"""Addresses: which of them lead back to this very machine, where no TLS is asked for.

Belongs here: judging a host's name. Does not belong here: connecting to it.
"""

import ipaddress


def is_loopback(host: str | None) -> bool:
    """Tell whether a host's name or number is this very machine's loopback."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
