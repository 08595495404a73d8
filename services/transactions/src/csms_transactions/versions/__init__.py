"""The OCPP versions that this service speaks: one object each. No other module looks which version it is."""

from collections.abc import Callable, Iterable, Mapping

from csms_ocpp.versions import Protocol

from csms_transactions.versions.v21 import V21
from csms_transactions.versions.v201 import V201
from csms_transactions.versions.version import Command, TransactionsVersion

VERSIONS: Mapping[Protocol, TransactionsVersion] = {version.protocol: version for version in (V201, V21)}
"""Each version by its subprotocol, those first that are asked first."""
_BY_NAME: Mapping[str, TransactionsVersion] = {protocol.value: version for protocol, version in VERSIONS.items()}
NOTED_START = V201.start_action
"""The action of the remote starts that device-mgmt tells of: those that have a remoteStartId."""
MESSAGES_METER_VALUES = V201.meter_values_in
"""The meter values in a MeterValues message: all versions write these alike."""


def of(protocol: str) -> TransactionsVersion | None:
    """Return the version of a subprotocol; None: this service does not speak it."""
    return _BY_NAME.get(protocol)


def of_stored(protocol: str) -> TransactionsVersion:
    """Return the version of an event that is stored. Raises KeyError: events of that one are never stored."""
    return _BY_NAME[protocol]


def together(
    command: Callable[[TransactionsVersion], Command], among: Iterable[TransactionsVersion] = VERSIONS.values()
) -> tuple[tuple[str, ...], Command]:
    """Return what is ordered for a station whose version is not known here.

    That is the command of the first version, and all versions that write it so; device-mgmt says when the station has
    another one.
    """
    written = {version.protocol.value: command(version) for version in among}
    first = next(iter(written.values()))
    return tuple(protocol for protocol, other in written.items() if other == first), first
