"""What auth must know of one OCPP version: how to answer its messages, and how to write commands."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from csms_ocpp.versions import Protocol

from csms_auth.domain.certificates import Certificate
from csms_auth.handlers.action import Action
from csms_auth.handlers.payloads import JsonObject
from csms_auth.pki.ports import CertificateType


class Command(NamedTuple):
    """A CALL for a station."""

    action: str
    payload: Mapping[str, Any]


class Form(NamedTuple):
    """A CALL as one version writes it."""

    protocol: str
    """Empty: for all versions that have none of their own."""
    command: Command


class Delivery(NamedTuple):
    """What a station answered when it was given a certificate."""

    taken: bool
    details: str
    """Why not, in the station's words; empty: it does not say."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)  # there is one object per version
class AuthVersion:
    """One version. All else that differs between versions is in `csms_ocpp.versions`."""

    protocol: Protocol
    actions: Mapping[str, Action]
    """How each message of a station is answered; others are not supported."""
    deliver_action: str
    deliver: Callable[[Certificate], Command | None]
    """The command that gives a station its certificate (A02); None: this version has none of its type."""
    read_delivery: Callable[[JsonObject], Delivery]
    """Reads the answer to `deliver`."""
    renew: Callable[[CertificateType], Command | None]
    """The command that has a station ask for a new certificate; None: as in `deliver`."""
