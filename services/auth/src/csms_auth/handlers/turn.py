"""Answers one polled batch in memory, record by record.

What was looked up goes in; what must be stored and published comes out. There is no I/O, so that plain unit tests show
what the order within a batch and repeated records do.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import NamedTuple

import orjson
from csms.v1.bus_pb2 import Record
from csms_bus.ports import Outgoing
from csms_bus.records import reply_to
from csms_ocpp import station_ids
from csms_runtime.clock import from_ms
from csms_runtime.settings import UnknownStations

from csms_auth import domain_events
from csms_auth.contracts.chains import Contract
from csms_auth.contracts.pool import Wanted
from csms_auth.domain import tokens
from csms_auth.domain.certificates import CertificateRequest
from csms_auth.domain.client_certificates import ClientCertificate, Issued
from csms_auth.domain.connections import Allowed, Refused
from csms_auth.domain.connections import Rules as ConnectionRules
from csms_auth.domain.key_codes import KeyCodes
from csms_auth.domain.placement import Placement
from csms_auth.domain.stations import Admission, Renewal, Station, admit, claim, prove, renew, take_pending
from csms_auth.domain.tokens import Answer, Question, Token, TokenRef
from csms_auth.handlers.payloads import Found, JsonObject, Reason
from csms_auth.ocsp.question import Question as StatusQuestion


@dataclass(frozen=True, slots=True)
class Rules:
    """The operator's settings."""

    unknown_stations: UnknownStations
    cache_for: timedelta | None = None
    """How long stations may keep an answer about a token in their cache; None: as they are set up (C10.FR.08)."""
    organization: str = "CSMS"
    """The operator's name in certificates."""
    signs_certificates: bool = False
    """Whether there is a certificate authority."""
    has_contract_pool: bool = False
    """Whether there is a pool of contract certificates to ask."""
    most_stations: int = 100_000
    """Unknown stations are let in while fewer than this are known."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A connection that was refused, for the event."""

    station_id: str
    refused: Refused
    remote_address: str


class ConnectionResult(NamedTuple):
    """A decision on a connection, for metrics."""

    station_id: str
    refused: Refused | None
    """None: it was let in."""
    is_known: bool
    """Whether the station was known before."""


@dataclass(frozen=True, slots=True)
class StatusAsked:
    """A station's questions about the status of certificates, to be asked of OCSP responders."""

    record: Record
    """The station's CALL."""
    otherwise: JsonObject
    """The answer when nobody can be asked."""
    questions: Sequence[StatusQuestion | Reason]
    """Or why nobody can be asked."""
    write: Callable[[Sequence[Found]], JsonObject]
    """Writes the answer, with what became of the questions, in their order."""
    most_result: int | None
    """How long an OCSPResponse in base64 may be, in characters; None: none is passed on."""

    def answer(self, response: JsonObject) -> Outgoing:
        """Return the reply to the station."""
        return _reply(self.record, response)


@dataclass(frozen=True, slots=True)
class ContractAsked:
    """A station's question for a contract certificate, to be asked of the pool."""

    record: Record
    """The station's CALL."""
    otherwise: JsonObject
    """The answer when the pool can't be asked now."""
    wanted: Wanted
    write: Callable[[Contract | Reason], JsonObject]
    """Writes the answer."""

    def answer(self, response: JsonObject) -> Outgoing:
        """Return the reply to the station."""
        return _reply(self.record, response)


def _reply(record: Record, response: JsonObject) -> Outgoing:
    return reply_to(record.station_call, payload=orjson.dumps(response), station_id=record.station_id)


@dataclass(slots=True)
class Turn:
    """A batch in work: what is known of those who ask, and what must be stored and published."""

    rules: Rules
    key_codes: KeyCodes
    now_ms: int
    stations: dict[str, Station]
    """The known stations among those asked for, in any case. Each admission of the batch changes it."""
    tokens: Mapping[str, Sequence[Token]]
    """The stored tokens, by case-folded id."""
    placements: dict[str, Placement] = field(default_factory=dict)
    """Where the stations belong that ask about limited tokens, by `station_ids.key`."""
    issued: Mapping[bytes, Issued] = field(default_factory=dict)
    """Of the certificates that were shown, those that were signed here, by fingerprint."""
    room: int = 0
    """How many unknown stations may be let in."""
    named: Mapping[str, Collection[str]] = field(default_factory=dict)
    """The stations whose serial number is the CN of another certificate shown, by CN; as stored before the batch."""
    recent: Mapping[str, str] = field(default_factory=dict)
    """How unknown stations that were let in lately are spelled, by `station_ids.key`."""
    let_in_as: dict[str, str] = field(default_factory=dict)
    """The same, for unknown stations of this batch."""
    _spellings: dict[str, list[str]] = field(default_factory=dict)
    """The spellings of the known stations, by `station_ids.key`."""
    changed: dict[str, Station] = field(default_factory=dict)
    """Stations to be stored."""
    renewals: list[tuple[str, Renewal]] = field(default_factory=list)
    """Digests of passwords, by station, to be stored under the current key."""
    renewed_key_codes: dict[str, str] = field(default_factory=dict)
    """Digests of key codes, by the stored one, to be stored under the current key."""
    deleted: set[str] = field(default_factory=set)
    """Stations whose certificates are to be revoked: they were deleted, whether or not they were created again."""
    certificate_requests: list[CertificateRequest] = field(default_factory=list)
    """To be stored."""
    status_questions: list[StatusAsked] = field(default_factory=list)
    """To be asked after the commit."""
    contract_questions: list[ContractAsked] = field(default_factory=list)
    """Likewise, of the pool of contract certificates."""
    let_in: int = 0
    """How many unknown stations were let in."""
    refusals: list[Refusal] = field(default_factory=list)
    told: list[Outgoing] = field(default_factory=list)
    """Events, to be stored with what changed."""
    outgoing: list[Outgoing] = field(default_factory=list)
    """To be published after the commit."""
    decided: list[Outgoing] = field(default_factory=list)
    """Events of what stations were told of tokens, to be published behind the answers: nothing is written for them."""
    allowed: list[Record] = field(default_factory=list)
    """Those that let a station in. Each of them still needs the number of its connection."""
    connection_results: list[ConnectionResult] = field(default_factory=list)
    """For metrics."""
    token_results: list[str] = field(default_factory=list)
    """The status of each answer, for metrics."""

    def __post_init__(self) -> None:
        """Sort the stations by the form in which identities are compared."""
        for station_id in self.stations:
            self._spellings.setdefault(station_ids.key(station_id), []).append(station_id)

    def spelling(self, station_id: str) -> str:
        """Return how a station is spelled here: identities have no case. An unknown one is spelled as it was given."""
        known = self.stations.get(station_id)
        if known is not None and not known.deleted:
            return station_id
        key = station_ids.key(station_id)
        living = self._living(key)
        if living:
            return max(living, key=lambda station: station.revision).station_id
        return self.let_in_as.get(key) or self.recent.get(key, station_id)

    def _living(self, key: str) -> list[Station]:
        named = [self.stations[station_id] for station_id in self._spellings.get(key, ())]
        return [station for station in named if not station.deleted]

    def note_connection(self, station_id: str, decision: Allowed | Refused) -> None:
        """Take note of a decision on a connection."""
        known = self.stations.get(station_id)
        refused = decision if isinstance(decision, Refused) else None
        self.connection_results.append(ConnectionResult(station_id, refused, known is not None and not known.deleted))

    def decide_token(self, question: Question) -> Answer:
        """Answer a question about a token."""
        stored = self._stored(question.token)
        placement = self.placements.get(station_ids.key(question.station_id)) if stored and stored.limits else None
        answer = tokens.decide(
            question, stored, now=from_ms(self.now_ms), cache_for=self.rules.cache_for, placement=placement
        )
        self.token_results.append(answer.status)
        return answer

    def _stored(self, asked: TokenRef) -> Token | None:
        """Return what is stored of a token. A key code may be stored under a former key: it is renewed."""
        current, *others = self.key_codes.readings(asked)
        found = tokens.choose(current, self.tokens.get(current.key, ()))
        if found is not None:
            return found
        for ref in others:
            former = tokens.choose(ref, self.tokens.get(ref.key, ()))
            if former is not None:
                self.renewed_key_codes[ref.key] = current.key
                return former
        return None

    @property
    def stores(self) -> bool:
        """Whether answering questions changed something that must be stored."""
        return bool(self.changed or self.renewals or self.renewed_key_codes)

    def admit(self, admission: Admission) -> bool:
        """Apply a change of a station. Records that follow in the batch see it. Return False when it is not newer."""
        station = admit(self.stations.get(admission.station_id), admission)
        if station is None:
            return False
        self._change(station)
        if not station.deleted:
            self._give_way(station)
        return True

    def _change(self, station: Station) -> None:
        self.stations[station.station_id] = self.changed[station.station_id] = station
        self._replace(station)
        if station.deleted:
            self._forget_certificates(station.station_id)

    def _replace(self, station: Station) -> None:
        """Have questions that follow in the batch see where the station belongs now."""
        key = station_ids.key(station.station_id)
        if station.placement is None:
            self.placements.pop(key, None)
        else:
            self.placements[key] = station.placement

    def _give_way(self, station: Station) -> None:
        """Delete other spellings of a station: device-mgmt has one only, and says which."""
        key = station_ids.key(station.station_id)
        for other in self._living(key):
            if other.station_id != station.station_id and other.revision < station.revision:
                gone = admit(other, Admission(other.station_id, station.revision, deleted=True))
                self._change(gone or other)
        spellings = self._spellings.setdefault(key, [])
        if station.station_id not in spellings:
            spellings.append(station.station_id)

    def _forget_certificates(self, station_id: str) -> None:
        self.deleted.add(station_id)
        self.certificate_requests = [each for each in self.certificate_requests if each.station_id != station_id]
        own = {key: replace(each, revoked=True) for key, each in self.issued.items() if each.station_id == station_id}
        self.issued = {**self.issued, **own}

    @property
    def connection_rules(self) -> ConnectionRules:
        """What decisions on connections depend on."""
        return ConnectionRules(
            self.rules.unknown_stations,
            from_ms(self.now_ms),
            self.rules.organization,
            self.issued,
            self.named,
            room_for_unknown=self.let_in < self.room,
        )

    def prove(self, station_id: str, profile: int) -> None:
        """Let a station fall below this security profile no more: it has connected with it."""
        station = prove(self.stations[station_id], profile)
        self.stations[station_id] = self.changed[station_id] = station

    def claim(self, station_id: str, allowed: Allowed) -> None:
        """Hold a station that nobody created to the password that it came with."""
        known, digest = self.stations.get(station_id), allowed.claimed_digest
        station = claim(known, station_id, allowed.registration, digest, allowed.secret_key_id)
        self.stations[station_id] = self.changed[station_id] = station

    def renew(self, station_id: str, renewal: Renewal) -> None:
        """Keep the digest of a password under the current key from now on."""
        self.stations[station_id] = renew(self.stations[station_id], renewal)
        self.renewals.append((station_id, renewal))

    def take_pending(self, station_id: str, allowed: Allowed) -> None:
        """Make a pending password the station's: it has connected with it. Other services are told that it has one."""
        station = take_pending(self.stations[station_id], allowed.pending_digest, allowed.secret_key_id)
        self.stations[station_id] = self.changed[station_id] = station
        self.told.append(
            domain_events.password_changed(station_id, password_set=True, revision=station.password_revision)
        )


@dataclass(frozen=True, slots=True)
class Step:
    """What one record asks for and how it is answered once that was looked up."""

    run: Callable[[Turn], None]
    station_id: str | None = None
    """The station to look up."""
    tokens: Sequence[TokenRef] = ()
    """The tokens to look up."""
    asking: Collection[str] = ()
    """The stations at which these are to be used: looked up if a token is limited."""
    certificates: Sequence[ClientCertificate] = ()
    """The certificates to look up."""
    stores: bool = False
    """Whether running it may leave something to store (other than an event)."""


def _nothing(_turn: Turn) -> None:
    """Do nothing."""


SKIP = Step(_nothing)
"""The step for a record whose answer nobody waits for any more."""


def expired(deadline_ms: int, now_ms: int) -> bool:
    """Whether the asker has stopped waiting. A deadline of 0 never comes."""
    return 0 < deadline_ms < now_ms
