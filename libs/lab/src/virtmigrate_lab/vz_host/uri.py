"""Where a migration's data goes: ``vzmigr://host[:port]`` (``vzParseVzURI``)."""

from __future__ import annotations

from urllib.parse import urlsplit

from virtmigrate_lab.vz_host.errors import VzError
from virtmigrate_lab.vz_host.facts import MIGRATION_PORT, MIGRATION_SCHEME


def parse(text: str) -> tuple[str, int]:
    """Host and port.

    Raises:
        VzError: As the driver's, in its order.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise VzError(1, f"cannot parse migration URI '{text}'") from error
    if not parts.scheme or not parts.hostname:
        raise VzError(8, f"scheme and host are mandatory vz migration URI: {text}")
    if parts.username or parts.path or parts.query or parts.fragment:
        msg = f"only scheme, host and port are supported in vz migration URI: {text}"
        raise VzError(8, msg)
    if parts.scheme != MIGRATION_SCHEME:
        raise VzError(74, f"unsupported scheme {parts.scheme} in migration URI {text}")
    return parts.hostname, port or MIGRATION_PORT
