"""The OCPP versions that auth speaks: one object each. No other module looks which version it is."""

from collections.abc import Mapping

from csms_auth.versions.v201 import V201
from csms_auth.versions.version import AuthVersion

VERSIONS: Mapping[str, AuthVersion] = {version.protocol.value: version for version in (V201,)}
"""Each version by its subprotocol."""
ORDERED = V201
"""The version of the commands that are ordered: auth does not know which one a station speaks."""


def of(protocol: str) -> AuthVersion | None:
    """Return the version of a subprotocol; None: auth does not speak it."""
    return VERSIONS.get(protocol)
