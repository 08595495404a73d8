"""The OCPP versions that this service speaks: one object each. No other module looks which version it is."""

from collections.abc import Callable, Iterable, Mapping

from csms_ocpp.versions import Protocol

from csms_transactions.versions.v16 import V16
from csms_transactions.versions.v21 import V21
from csms_transactions.versions.v201 import V201
from csms_transactions.versions.version import Command, Form, TransactionsVersion

VERSIONS: Mapping[Protocol, TransactionsVersion] = {version.protocol: version for version in (V201, V21, V16)}
"""Each version by its subprotocol, those first that are asked first."""
_BY_NAME: Mapping[str, TransactionsVersion] = {protocol.value: version for protocol, version in VERSIONS.items()}
NOTED_START = V201.start_action
"""The action of the remote starts that device-mgmt of an earlier release tells of without their action."""
UNNUMBERED_START = V16.start_action
"""Has no remoteStartId: one is given to it here."""
MESSAGES_METER_VALUES = V201.meter_values_in
"""The meter values in a MeterValues message: all versions write these alike."""


def of(protocol: str) -> TransactionsVersion | None:
    """Return the version of a subprotocol; None: this service does not speak it."""
    return _BY_NAME.get(protocol)


def of_stored(protocol: str) -> TransactionsVersion:
    """Return the version of an event that is stored. Raises KeyError: events of that one are never stored."""
    return _BY_NAME[protocol]


def together(
    command: Callable[[TransactionsVersion], Command | None], among: Iterable[TransactionsVersion] = VERSIONS.values()
) -> tuple[Form, ...]:
    """Return what is ordered for a station whose version is not known here: a form for all versions that write alike.

    device-mgmt takes the one of the station's version, and says when there is none. If it does not know the version,
    either, it takes the first one. `command` returns None where a version can't say it.
    """
    forms: list[Form] = []
    for version in among:
        written = command(version)
        if written is None:
            continue
        name = version.protocol.value
        alike = next((number for number, form in enumerate(forms) if form.command == written), None)
        if alike is None:
            forms.append(Form((name,), written))
        else:
            forms[alike] = forms[alike]._replace(protocols=(*forms[alike].protocols, name))
    return tuple(forms)
