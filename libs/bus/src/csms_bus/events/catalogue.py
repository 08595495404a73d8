"""Every domain event: its name, what it means, who publishes it, and an example.

The same events are on Kafka (`proto/csms/v1/events.proto`) and, as JSON (`csms_bus.events.json_form`), wherever else
they are told. A new field of DomainEvent's `event` needs a line here: `libs/bus/tests/test_events.py` finds it missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from csms.v1.events_pb2 import DomainEvent
from google.protobuf.message import Message

from csms_bus.events.examples import EXAMPLES, example_of
from csms_bus.topics import EVENTS_AUTH, EVENTS_DEVICES, EVENTS_GATEWAY, EVENTS_TRANSACTIONS, Topic


@dataclass(frozen=True, slots=True)
class EventType:
    """One kind of domain event."""

    name: str
    """The field of DomainEvent's `event`; CloudEvents' `type`."""
    meaning: str
    topics: tuple[Topic, ...]

    @property
    def example(self) -> DomainEvent:
        """A new example."""
        return example_of(self.name)

    @property
    def body(self) -> Message:
        """The body of the example."""
        return cast("Message", getattr(EXAMPLES[self.name], self.name))


_DEVICES, _AUTH, _TRANSACTIONS = (EVENTS_DEVICES,), (EVENTS_AUTH,), (EVENTS_TRANSACTIONS,)

CATALOGUE: tuple[EventType, ...] = (
    EventType("station_connected", "A station has opened a connection.", _DEVICES),
    EventType(
        "station_disconnected",
        "A station's connection has ended; `close_code` and `reason` say how. The code of a connection that a newer "
        "one replaced is not known.",
        _DEVICES,
    ),
    EventType(
        "connection_refused",
        "Somebody was not let in: by the gateway, by auth, or when it told a serial number that its certificate does "
        "not name. At most once a minute for each station, or address where no station is known.",
        (EVENTS_AUTH, EVENTS_GATEWAY, EVENTS_DEVICES),
    ),
    EventType("station_booted", "A station sent BootNotification, and was answered.", _DEVICES),
    EventType(
        "connector_status_changed",
        "A station reported another status of a connector, or in OCPP 1.6 another error. `Faulted` is a fault. "
        "EVSE 0 and connector 0 are the station itself (OCPP 1.6).",
        _DEVICES,
    ),
    EventType(
        "station_notified",
        "A station sent a message that is recorded as it came: NotifyEvent, SecurityEventNotification, "
        "FirmwareStatusNotification, LogStatusNotification and others.",
        _DEVICES,
    ),
    EventType("station_changed", "Somebody created, changed or deleted a station over the API.", _DEVICES),
    EventType("report_completed", "A report that a station was asked for is complete.", _DEVICES),
    EventType(
        "configuration_changed",
        "A station accepted values of variables (OCPP 1.6: of configuration keys), whoever set them. Secrets are left "
        "out.",
        _DEVICES,
    ),
    EventType(
        "availability_ordered",
        "A station agreed that it, an EVSE or a connector is to be used or not any more, as somebody had ordered "
        "(ChangeAvailability).",
        _DEVICES,
    ),
    EventType(
        "command_completed",
        "It is known what became of a CALL to a station, whoever asked for it. A late answer after a timeout is told "
        "in a further event.",
        _DEVICES,
    ),
    EventType(
        "security_profile_changed",
        "A station has connected with a higher security profile; lower ones are refused from now on.",
        _DEVICES,
    ),
    EventType(
        "authorization_decided",
        "It was decided whether a token may charge, or stop a transaction. `reason` says why; Undecided: nobody "
        "decided in time, and the station was told to ask again. Events with the token of a transaction that come "
        "again are not decided again.",
        (EVENTS_AUTH, EVENTS_TRANSACTIONS),
    ),
    EventType("id_token_changed", "A token was created, changed or deleted. It is about no station.", _AUTH),
    EventType("password_changed", "A station's password was set or deleted.", _AUTH),
    EventType("certificate_issued", "A certificate was signed for a station and is on its way to it.", _AUTH),
    EventType(
        "certificate_refused",
        "A request for a certificate was refused, or the station did not take the certificate.",
        _AUTH,
    ),
    EventType("certificate_revoked", "A station's certificate was revoked.", _AUTH),
    EventType(
        "transaction_started",
        "The first event of a transaction came, whichever that is. `transaction` is all that is known of it.",
        _TRANSACTIONS,
    ),
    EventType(
        "transaction_updated",
        "Something of a running transaction changed (not its meter alone), or anything that may be billed of one that "
        "has ended.",
        _TRANSACTIONS,
    ),
    EventType(
        "transaction_ended",
        "A transaction has ended: the station told it, or it was closed. Told once; `transaction` is the whole of it. "
        "What changes later is a transaction_updated.",
        _TRANSACTIONS,
    ),
)

_BY_NAME: Mapping[str, EventType] = {event_type.name: event_type for event_type in CATALOGUE}


def by_name(name: str) -> EventType | None:
    """Return the kind of event of that name; None: there is none."""
    return _BY_NAME.get(name)
