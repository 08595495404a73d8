"""May a station connect?

Requirements: A00.FR.207 (password), A00.FR.403 to .408 (client certificate), A00.FR.002 and A05.FR.07 (security
profile), Part 4 section 3.2 (unknown station).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from csms_runtime.passwords import matches
from csms_runtime.settings import UnknownStations

from csms_auth.domain import client_certificates
from csms_auth.domain.client_certificates import ClientCertificate, Issued, Owner
from csms_auth.domain.stations import Registration, Renewal, Station, renew

BAD_REQUEST = 400
UNAUTHORIZED = 401
FORBIDDEN = 403
NOT_FOUND = 404

CLIENT_CERTIFICATE = 3
"""The security profile whose stations show a certificate instead of a password."""

BAD_CERTIFICATE = "InvalidChargingStationCertificate"
BAD_PASSWORD = "FailedToAuthenticateAtCsms"  # noqa: S105  the name of an event
"""OCPP's names of security events."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A station that wants to connect."""

    station_id: str
    security_profile: int
    """The profile of this connection, 1 to 3. With both a password and a certificate it is 2 and may count as 3."""
    password_digests: Sequence[bytes] = field(default=(), repr=False)
    """Keyed digests of the password it gave, one for each way to read its bytes; empty: it gave none.

    As many follow for each other key than the gateway's current one."""
    certificate: ClientCertificate | None = None
    """None: it showed none, or one that cannot be read."""
    current_digests: int = 0
    """How many of the digests are of the current key: the first ones; 0: all."""
    secret_key_id: str = ""
    """Which key that is; empty: an earlier version of the gateway asks."""
    protocols: Sequence[str] = ()
    """Those that it offers and its gateway speaks, the most wanted first; empty: likewise."""

    @property
    def has_other_keys(self) -> bool:
        """Whether digests of several keys were given: the key is being replaced."""
        return 0 < self.current_digests < len(self.password_digests)

    def of_current_key(self, digest: bytes) -> bytes:
        """Return the digest under the current key for one of any key, both of the same reading of the password."""
        if not self.has_other_keys:
            return digest
        return self.password_digests[list(self.password_digests).index(digest) % self.current_digests]


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides beside the station itself."""

    unknown_stations: UnknownStations
    now: datetime
    organization: str = ""
    """The name that the O of certificates must contain, unless the station has an organization of its own."""
    issued: Mapping[bytes, Issued] = field(default_factory=dict)
    """What is recorded of certificates, by fingerprint, at least of those that were shown."""
    named: Mapping[str, Collection[str]] = field(default_factory=dict)
    """The stations that have a CN as their serial number, at least for the CNs of other certificates."""
    room_for_unknown: bool = True
    """Whether there is room for one more station that nobody created."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """The station may connect."""

    registration: Registration
    message_timeout_s: int = 0
    pending_digest: bytes = field(default=b"", repr=False)
    """Of the pending password that the station showed (A01.FR.03): it has taken it; empty: it showed no such one.

    Of the current key, whichever it was stored under."""
    security_profile: int = 0
    """The profile that the connection counts as; 0: the one that was asked for."""
    common_name: str = ""
    """Of the client certificate; empty: there was none, or it did not count."""
    proven_profile: int = 0
    """The profile that it used now for the first time, and must not fall below any more; 0: none."""
    claimed_digest: bytes = field(default=b"", repr=False)
    """Digest of the password that an unknown station came with. From now on it must have it. Empty: it had none."""
    secret_key_id: str = ""
    """The key of these two digests."""
    protocol: str = ""
    """The one that it is to speak; empty: the first one."""
    renewal: Renewal | None = None
    """Of the stored digest that matched, if it is not known to be of the current key."""


class Kind(StrEnum):
    """Why a station may not connect, in one of few words: for metrics."""

    UNKNOWN_STATION = "unknown_station"
    NO_ROOM = "no_room"
    NO_PASSWORD_SET = "no_password_set"  # noqa: S105  no password
    NO_PASSWORD = "no_password"  # noqa: S105  no password
    WRONG_PASSWORD = "wrong_password"  # noqa: S105  no password
    BAD_CERTIFICATE = "bad_certificate"
    WRONG_PROFILE = "wrong_profile"
    WRONG_VERSION = "wrong_version"


@dataclass(frozen=True, slots=True)
class Refused:
    """The station may not connect."""

    http_status: int
    reason: str
    """For logs and events, never for the station. It holds no secret."""
    kind: Kind
    security_event: str = ""
    """OCPP's name for it (A00.FR.408); empty: it has none."""


_UNKNOWN = Refused(NOT_FOUND, "unknown station", Kind.UNKNOWN_STATION)
_NO_ROOM = Refused(
    FORBIDDEN, "unknown station, and as many stations as CSMS_UNKNOWN_STATIONS_MOST are known", Kind.NO_ROOM
)


def decide(attempt: Attempt, station: Station | None, rules: Rules) -> Allowed | Refused:
    """Decide on a connection. `station` is what is known of it; None or deleted: it is unknown."""
    if station is not None and station.deleted:
        station = None
    profile = _profile(attempt, station)
    if profile == CLIENT_CERTIFICATE:
        refused = _bad_certificate(attempt, station, rules)
        if refused and station is not None and _may_use_password(attempt, station):
            profile = attempt.security_profile
            refused = _bad_password(attempt, station, rules.unknown_stations)
    elif station is None:
        return _unknown(attempt, rules)
    else:
        refused = _bad_password(attempt, station, rules.unknown_stations)
    if refused or station is None:
        return refused or _UNKNOWN
    return _wrong_profile(profile, station) or _wrong_version(attempt, station) or _welcome(attempt, station, profile)


def _profile(attempt: Attempt, station: Station | None) -> int:
    """What the connection counts as.

    A station that shows a certificate and sends a password too may do so because its TLS library shows what it is asked
    for: it is taken at its certificate, unless it is registered for passwords and not about to move to certificates.
    """
    if attempt.certificate is None or station is None:
        return attempt.security_profile
    wanted = (station.least_profile, station.pending_security_profile)
    by_password = station.least_profile in {1, 2} and CLIENT_CERTIFICATE not in wanted
    return attempt.security_profile if by_password else CLIENT_CERTIFICATE


def _may_use_password(attempt: Attempt, station: Station) -> bool:
    """Whether a password may count although the certificate does not: no profile is demanded of the station.

    Its certificate may be its vendor's, shown because the TLS layer asked for one.
    """
    return station.least_profile == 0 and attempt.security_profile != CLIENT_CERTIFICATE


def _unknown(attempt: Attempt, rules: Rules) -> Allowed | Refused:
    policy = rules.unknown_stations
    if policy is UnknownStations.REJECT:
        return _UNKNOWN
    if not rules.room_for_unknown:
        return _NO_ROOM
    registration = Registration.ACCEPTED if policy is UnknownStations.ACCEPT else Registration.PENDING
    claimed = attempt.password_digests[0] if attempt.password_digests else b""
    return Allowed(registration, claimed_digest=claimed, secret_key_id=attempt.secret_key_id)


def _bad_certificate(attempt: Attempt, station: Station | None, rules: Rules) -> Refused | None:
    certificate = attempt.certificate
    if certificate is None:
        return _not_its_certificate("the client certificate cannot be read")
    if station is None:
        if rules.unknown_stations is UnknownStations.REJECT:
            return _UNKNOWN
        return _not_its_certificate("no serial number is registered for this station")
    fault = client_certificates.fault(
        certificate,
        Owner(station.station_id, station.serial_number, station.organization or rules.organization),
        now=rules.now,
        issued=rules.issued.get(certificate.fingerprint),
        named=rules.named.get(certificate.common_name, ()),
    )
    return _not_its_certificate(fault) if fault else None


def _not_its_certificate(reason: str) -> Refused:
    return Refused(FORBIDDEN, reason, Kind.BAD_CERTIFICATE, BAD_CERTIFICATE)


def _bad_password(attempt: Attempt, station: Station, policy: UnknownStations) -> Refused | None:
    valid = station.valid_digests
    if not valid:
        missing = missing_password(station, policy)
        return Refused(UNAUTHORIZED, missing, Kind.NO_PASSWORD_SET, BAD_PASSWORD) if missing else None
    if not attempt.password_digests:
        return Refused(UNAUTHORIZED, "no password given", Kind.NO_PASSWORD, BAD_PASSWORD)
    if not any(matches(digest, attempt.password_digests) for digest in valid):
        return Refused(UNAUTHORIZED, "wrong password", Kind.WRONG_PASSWORD, BAD_PASSWORD)
    return None


def missing_password(station: Station, policy: UnknownStations) -> str:
    """Say why a station for which no password is set is not let in without one; empty: it is let in, or one is set.

    What lets unknown stations in must not open the name of a station that an operator trusts: one that is registered
    for passwords, or was accepted where unknown ones are held.
    """
    if station.valid_digests:
        return ""
    if station.least_profile:
        return f"no password is set for this station, which security profile {station.least_profile} demands"
    if policy is UnknownStations.REJECT:
        return "no password is set for this station"
    if policy is UnknownStations.PENDING and station.registration is Registration.ACCEPTED:
        return "no password is set for this station, which is accepted while unknown stations are held as pending"
    return ""


def _wrong_profile(profile: int, station: Station) -> Refused | None:
    if station.least_profile in {0, profile} or _is_pending(profile, station):
        return None
    reason = f"security profile {profile} used, {station.least_profile} is demanded"
    return Refused(FORBIDDEN, reason, Kind.WRONG_PROFILE)


def _wrong_version(attempt: Attempt, station: Station) -> Refused | None:
    if not station.protocols or not attempt.protocols or _protocol(attempt, station):
        return None
    reason = f"offers {', '.join(attempt.protocols)}; the station may speak {', '.join(station.protocols)}"
    return Refused(BAD_REQUEST, reason, Kind.WRONG_VERSION)


def _protocol(attempt: Attempt, station: Station) -> str:
    """Return the first of the protocols that the station may speak; empty: it may speak all, or none of them."""
    return next((name for name in attempt.protocols if name in station.protocols), "")


def _is_pending(profile: int, station: Station) -> bool:
    """Whether the station is being moved up to this profile (A05)."""
    return profile == station.pending_security_profile and profile > station.least_profile


def _welcome(attempt: Attempt, station: Station, profile: int) -> Allowed:
    pending = [digest for digest in station.pending_digests if matches(digest, attempt.password_digests)]
    certificate = attempt.certificate if profile == CLIENT_CERTIFICATE else None
    return Allowed(
        station.registration or Registration.PENDING,
        station.message_timeout_s,
        pending_digest=attempt.of_current_key(pending[-1]) if pending else b"",
        security_profile=profile,
        common_name=certificate.common_name if certificate else "",
        proven_profile=profile if _proves(profile, station) else 0,
        secret_key_id=attempt.secret_key_id,
        protocol=_protocol(attempt, station),
        renewal=None if pending else _renewal(attempt, station),
    )


def _renewal(attempt: Attempt, station: Station) -> Renewal | None:
    """Return what to store of the password that was shown, while the key is being replaced; None: it is stored so."""
    if not attempt.has_other_keys or station.secret_key_id == attempt.secret_key_id:
        return None
    for stored in (station.password_digest, station.claimed_digest):
        if stored is not None and matches(stored, attempt.password_digests):
            renewal = Renewal(stored, attempt.of_current_key(stored), attempt.secret_key_id)
            return None if renew(station, renewal) == station else renewal
    return None


def _proves(profile: int, station: Station) -> bool:
    if station.least_profile == 0:  # any profile will do until it is moved to one
        return _is_pending(profile, station)
    return profile > max(1, station.proven_profile)
