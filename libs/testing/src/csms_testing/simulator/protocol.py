"""The names of the OCPP versions that stations can speak, as in the `Sec-WebSocket-Protocol` header."""

from enum import StrEnum


class Protocol(StrEnum):
    """An OCPP-J subprotocol. `Protocol("ocpp2.0.1")` raises ValueError for anything else."""

    OCPP16 = "ocpp1.6"
    OCPP201 = "ocpp2.0.1"
    OCPP21 = "ocpp2.1"


DEFAULT = Protocol("ocpp2.0.1")
"""What a station speaks when nobody says otherwise."""
