"""May a station connect?

Requirements: A00.FR.207 (password), A00.FR.002 and A05.FR.07 (security profile), Part 4 section 3.2 (unknown station).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from csms_runtime.passwords import matches
from csms_runtime.settings import UnknownStations

from csms_auth.domain.stations import Registration, Station

UNAUTHORIZED = 401
FORBIDDEN = 403
NOT_FOUND = 404

CLIENT_CERTIFICATE = 3
"""The security profile whose stations show a certificate instead of a password."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A station at the door."""

    station_id: str
    security_profile: int
    """The profile of this connection: 1 to 3."""
    password_digests: Sequence[bytes] = field(default=(), repr=False)
    """Keyed digests of what it gave as password, one for each reading of the bytes; empty: it gave none."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """The station may connect."""

    registration: Registration
    message_timeout_s: int = 0
    pending_digest: bytes = field(default=b"", repr=False)
    """Of the pending password that the station showed (A01.FR.03): it has taken it; empty: it showed no such one."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The station may not connect."""

    http_status: int
    reason: str
    """For logs and events, never for the station; names no secret."""


def decide(attempt: Attempt, station: Station | None, unknown_stations: UnknownStations) -> Allowed | Refused:
    """Decide on a connection. `station` is what is known of it, None or deleted: unknown."""
    if attempt.security_profile == CLIENT_CERTIFICATE:
        # A00.FR.405 asks for the certificate's CN; the question does not carry it yet, so nobody can be let in by it.
        return Refused(FORBIDDEN, "client certificates cannot be checked yet")
    if station is None or station.deleted:
        return _unknown(unknown_stations)
    refused = _bad_password(attempt, station, unknown_stations) or _wrong_profile(attempt, station)
    return refused or _welcome(attempt, station)


def _unknown(policy: UnknownStations) -> Allowed | Refused:
    match policy:
        case UnknownStations.ACCEPT:
            return Allowed(Registration.ACCEPTED)
        case UnknownStations.PENDING:
            return Allowed(Registration.PENDING)
        case UnknownStations.REJECT:
            return Refused(NOT_FOUND, "unknown station")


def _bad_password(attempt: Attempt, station: Station, policy: UnknownStations) -> Refused | None:
    if station.password_digest is None and policy is not UnknownStations.REJECT:
        return None
    # A station that was asked to take a new password may have done so, although its answer never came (A01.FR.02-.05).
    valid = [digest for digest in (station.password_digest, *station.pending_digests) if digest is not None]
    if not valid:
        return Refused(UNAUTHORIZED, "no password is set for this station")
    if not attempt.password_digests:
        return Refused(UNAUTHORIZED, "no password given")
    if not any(matches(digest, attempt.password_digests) for digest in valid):
        return Refused(UNAUTHORIZED, "wrong password")
    return None


def _wrong_profile(attempt: Attempt, station: Station) -> Refused | None:
    if station.security_profile in (0, attempt.security_profile):
        return None
    return Refused(
        FORBIDDEN, f"security profile {attempt.security_profile} used, {station.security_profile} is demanded"
    )


def _welcome(attempt: Attempt, station: Station) -> Allowed:
    pending = [digest for digest in station.pending_digests if matches(digest, attempt.password_digests)]
    registration = station.registration or Registration.PENDING
    return Allowed(registration, station.message_timeout_s, pending[-1] if pending else b"")
