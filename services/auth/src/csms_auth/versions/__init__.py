"""The OCPP versions that auth speaks: one object each. No other module looks which version it is."""

from collections.abc import Callable, Mapping, Sequence

from csms_auth.versions.v16 import V16
from csms_auth.versions.v21 import V21
from csms_auth.versions.v21.messages import tariff_violations
from csms_auth.versions.v201 import V201
from csms_auth.versions.version import AuthVersion, Command, Form

__all__ = ["DELIVER_ACTIONS", "VERSIONS", "of", "of_result", "tariff_violations", "together"]

VERSIONS: Mapping[str, AuthVersion] = {version.protocol.value: version for version in (V201, V21, V16)}
"""Each version by its subprotocol, that whose commands all unknown ones get first."""
DELIVER_ACTIONS = frozenset(version.deliver_action for version in VERSIONS.values())


def of(protocol: str) -> AuthVersion | None:
    """Return the version of a subprotocol; None: auth does not speak it."""
    return VERSIONS.get(protocol)


def of_result(protocol: str) -> AuthVersion:
    """Return the version in which an ordered command was sent."""
    return VERSIONS.get(protocol, V201)


def together(command: Callable[[AuthVersion], Command | None]) -> Sequence[Form]:
    """Return the forms of a command that is ordered: auth does not know which version a station speaks.

    The first one is for all versions that have none of their own.
    """
    forms = [Form(protocol, written) for protocol, version in VERSIONS.items() if (written := command(version))]
    first, *others = forms
    return [first._replace(protocol=""), *(form for form in others if form.command != first.command)]
