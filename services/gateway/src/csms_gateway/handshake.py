"""Reads a station's HTTP upgrade request: identity, protocol, credentials. Pure; refusals are exceptions."""

import base64
import binascii
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

from csms_ocpp import station_ids
from csms_ocpp.station_ids import fault_of
from csms_ocpp.versions import VERSIONS, Protocol

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Result(StrEnum):
    """How a handshake ended, as metrics and logs name it."""

    ACCEPTED = "accepted"
    BAD_IDENTITY = "bad_identity"
    BAD_SUBPROTOCOL = "bad_subprotocol"
    BAD_CREDENTIALS = "bad_credentials"
    REFUSED_BY_AUTH = "refused_by_auth"
    AUTH_UNAVAILABLE = "auth_unavailable"
    OVERLOADED = "overloaded"
    TOO_MANY_TRIES = "too_many_tries"
    OWES = "owes"
    NOT_WEBSOCKET = "not_websocket"
    BAD_REQUEST = "bad_request"
    ABANDONED = "abandoned"


class Refusal(Exception):  # noqa: N818 - an answer, not an error of the program
    """The connection is not upgraded.

    `text` is the body of the HTTP response. It says what to change, and holds no secret.
    """

    def __init__(self, status: int, text: str, result: Result, *, retry_after_s: int = 0) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.result = result
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Credentials:
    """HTTP Basic credentials. They are bytes: a password need not be UTF-8 (an OCPP 1.6 AuthorizationKey is not)."""

    username: bytes
    password: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Opening:
    """A request to connect, well-formed but not yet allowed."""

    station_id: str
    protocol: str
    """The first of `protocols`."""
    password: bytes | None = field(repr=False)
    """None: no credentials were sent."""
    protocols: Sequence[str] = ()
    """Those that we support and the station offers, the most wanted first."""

    @property
    def key(self) -> str:
        """The identity in the form that identities are compared in."""
        return station_ids.key(self.station_id)


def opening(path: str, offered: Sequence[str], authorization: Sequence[str], supported: Sequence[str]) -> Opening:
    """Read a request: its path, all Sec-WebSocket-Protocol values and all Authorization values.

    Raises Refusal.
    """
    station_id = identity(path)
    protocols = common_protocols(offered, supported)
    if not protocols:
        # The standard's text asks for an upgrade that is closed at once; its test case TC_B_58 forbids the upgrade.
        raise Refusal(HTTPStatus.BAD_REQUEST, _no_common_protocol(supported), Result.BAD_SUBPROTOCOL)
    # auth says which of them is spoken; where that is only one that may leave the user out, it may.
    may_be_empty = any(VERSIONS[Protocol(name)].user_may_be_empty for name in protocols)
    users = {station_id, ""} if may_be_empty else {station_id}
    return Opening(station_id, protocols[0], _password(users, authorization), protocols)


def identity(path: str) -> str:
    """The station's identity: the last segment of the path, percent-decoded (Part 4, 3.1.1). Raises Refusal."""
    segment = path.partition("?")[0].rpartition("/")[2]
    if not segment:
        raise Refusal(HTTPStatus.NOT_FOUND, "The path must end with the station's identity.\n", Result.BAD_IDENTITY)
    try:
        name = unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        raise _bad_identity("is not UTF-8") from None
    if _BROKEN_ESCAPE.search(segment):
        raise _bad_identity("has a broken percent escape")
    fault = fault_of(name)
    if fault:
        raise _bad_identity(fault)
    return name


def _bad_identity(what: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, f"The station's identity in the path {what}.\n", Result.BAD_IDENTITY)


def common_protocols(offered: Sequence[str], supported: Sequence[str]) -> list[str]:
    """Return the protocols that we support and the station offers, in our order.

    `offered` holds the header's values: the header may be repeated, and each value may be a comma list. Our order
    counts, not the station's: many list the oldest version first, whatever they prefer.
    """
    names = {name.strip() for value in offered for name in value.split(",")}
    return [name for name in supported if name in names]


def _no_common_protocol(supported: Sequence[str]) -> str:
    return f"Sec-WebSocket-Protocol must offer one of: {', '.join(supported)}.\n"


def parse_basic(value: str) -> Credentials | None:
    """Parse an Authorization header. Returns None when it is no Basic authentication, or not well-formed (RFC 7617)."""
    scheme, _, token = value.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(token.strip().encode(), validate=True)
    except (binascii.Error, ValueError):
        return None
    # The first colon ends the user name; the password may contain more of them.
    username, colon, password = decoded.partition(b":")
    return Credentials(username, password) if colon else None


def _password(users: Collection[str], authorization: Sequence[str]) -> bytes | None:
    if not authorization:
        return None
    credentials = parse_basic(authorization[0]) if len(authorization) == 1 else None
    if credentials is None:
        raise unauthorized("The Authorization header is not well-formed Basic authentication.\n")
    # `lower` of bytes changes A to Z only, as `station_ids.key` does.
    if credentials.username.lower() not in {user.encode().lower() for user in users}:
        raise unauthorized("The user name must be the station's identity.\n")  # A00.FR.207
    return credentials.password


def unauthorized(text: str, result: Result = Result.BAD_CREDENTIALS) -> Refusal:
    """Make a refusal with status 401."""
    return Refusal(HTTPStatus.UNAUTHORIZED, text, result)
