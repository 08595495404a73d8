"""Asks auth whether a station may connect. The password is not sent: auth gets keyed digests of it."""

import asyncio
from dataclasses import dataclass, replace
from http import HTTPStatus

import structlog
from csms.v1.auth_pb2 import (
    REGISTRATION_STATUS_ACCEPTED,
    REGISTRATION_STATUS_PENDING,
    REGISTRATION_STATUS_REJECTED,
    ConnectionDecision,
    ConnectionRequest,
)
from csms.v1.bus_pb2 import Record
from csms_bus import topics
from csms_bus.ports import BusError, Outgoing
from csms_bus.records import new_record
from csms_bus.requests import NoAnswer, Requester
from csms_ocpp import station_ids
from csms_ocpp.registration import Registration
from csms_ocpp.versions import Protocol
from csms_runtime import passwords, tracing
from csms_runtime.clock import now_ms
from csms_runtime.secret_keys import SecretKeys

from csms_gateway.handshake import Opening, Refusal, Result
from csms_gateway.proxy import Visitor
from csms_gateway.publisher import Publisher
from csms_gateway.traced import Visit, handshake

_log = structlog.get_logger(__name__)

_TEXTS = {
    HTTPStatus.BAD_REQUEST: "This station may not speak a version of OCPP that it offers.\n",
    HTTPStatus.UNAUTHORIZED: "User name or password is wrong, or missing.\n",
    HTTPStatus.FORBIDDEN: "This station may not connect in this way.\n",
    HTTPStatus.NOT_FOUND: "This station is not known here.\n",
}
_REGISTRATIONS = {
    REGISTRATION_STATUS_ACCEPTED: Registration.ACCEPTED,
    REGISTRATION_STATUS_PENDING: Registration.PENDING,
    REGISTRATION_STATUS_REJECTED: Registration.REJECTED,
}


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end of an allowed connection."""

    remote_address: str
    security_profile: int
    """1: no TLS, 2: TLS, 3: TLS with a client certificate."""
    certificate_common_name: str = ""
    """Profile 3: the CN of the station's certificate."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """A station that may connect."""

    station_id: str
    protocol: Protocol
    peer: Peer
    registration: Registration
    """What the station was last told about its registration."""
    message_timeout_s: float
    """How long the station may take to answer a CALL."""
    connection_number: int = 0
    """Grows with each connection that the station is allowed. 0: this version of auth gives no numbers."""


class ConnectionRequests:
    """Turns an Opening into an Allowed, with one question to auth."""

    def __init__(
        self,
        requester: Requester,
        publisher: Publisher,
        *,
        keys: SecretKeys,
        timeout_s: float,
        message_timeout_s: float,
    ) -> None:
        self._requester = requester
        self._publisher = publisher
        self._keys = keys
        self._timeout_s = timeout_s
        self._message_timeout_s = message_timeout_s

    async def ask(self, opening: Opening, visitor: Visitor) -> Allowed:
        """Ask auth, for `timeout_s` at most. Raises Refusal with auth's status, or with 503 when auth is silent."""
        if tracing.active is None:
            return await self._allowed(opening, visitor)
        visit = Visit(opening.station_id, opening.protocol, _profile(opening, visitor))
        return await handshake(tracing.active, visit, lambda: self._allowed(opening, visitor))

    async def _allowed(self, opening: Opening, visitor: Visitor) -> Allowed:
        profile = _profile(opening, visitor)
        decision = await self._ask(opening, visitor, profile)
        if decision.station_id:  # the stored digest was made of this spelling: ask again with it
            opening = _spelled(opening, decision.station_id)
            decision = await self._ask(opening, visitor, profile)
        if not decision.allowed:
            _log.info("refused", station_id=opening.station_id, reason=decision.reason, status=decision.http_status)
            raise _refusal(decision)
        return Allowed(
            opening.station_id,
            Protocol(decision.protocol or opening.protocol),
            Peer(visitor.address, decision.security_profile or profile, decision.certificate_common_name),
            _REGISTRATIONS.get(decision.registration_status, Registration.UNKNOWN),
            decision.message_timeout_s or self._message_timeout_s,
            decision.connection_number,
        )

    async def _ask(self, opening: Opening, visitor: Visitor, profile: int) -> ConnectionDecision:
        correlation_id = self._requester.new_correlation_id()
        question = self._question(opening, visitor, profile, correlation_id)
        try:
            answer = await self._answer(question, correlation_id)
        except (TimeoutError, NoAnswer, BusError) as error:
            _log.warning("no decision on a connection", station_id=opening.station_id, error=repr(error))
            text = "Stations cannot be admitted at the moment; try again later.\n"
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, text, Result.AUTH_UNAVAILABLE) from error
        return answer.connection_decision

    async def _answer(self, question: Outgoing, correlation_id: str) -> Record:
        # Not Requester.ask: when a fleet reconnects, the publisher makes one batch of many questions.
        answer = self._requester.expect(correlation_id)
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._publisher.publish(question)
                return await answer
        finally:
            self._requester.forget(correlation_id)

    def _question(self, opening: Opening, visitor: Visitor, profile: int, correlation_id: str) -> Outgoing:
        request = ConnectionRequest(
            reply_to=self._requester.reply_to,
            correlation_id=correlation_id,
            deadline_ms=now_ms() + int(self._timeout_s * 1000),
            protocol=opening.protocol,
            protocols=opening.protocols,
            security_profile=profile,
            remote_address=visitor.address,
            client_certificate=visitor.certificate,
        )
        if opening.password is not None:
            self._add_digests(request, opening.station_id, opening.password)
        # The key has no case, so that two spellings of one identity are decided in order.
        return Outgoing(
            topics.CALLS_AUTH.name, new_record(opening.station_id, connection_request=request), key=opening.key
        )

    def _add_digests(self, request: ConnectionRequest, station_id: str, password: bytes) -> None:
        for key in self._keys.every:
            request.password_digests.extend(passwords.digests(key, station_id, password))
        request.current_digests = len(request.password_digests) // len(self._keys.every)
        request.secret_key_id = self._keys.current_id


def _spelled(opening: Opening, station_id: str) -> Opening:
    """Return the request with the identity as auth spells it. Raises Refusal when that is another identity."""
    if station_ids.key(station_id) != opening.key:
        _log.error("auth names another station", station_id=opening.station_id, named=station_id)
        text = "Stations cannot be admitted at the moment; try again later.\n"
        raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, text, Result.AUTH_UNAVAILABLE)
    return replace(opening, station_id=station_id)


def _profile(opening: Opening, visitor: Visitor) -> int:
    """Return the security profile of a connection. Where there are a password and a certificate, auth decides."""
    if visitor.certificate and opening.password is None:
        return 3
    return 2 if visitor.tls else 1


def _refusal(decision: ConnectionDecision) -> Refusal:
    status = HTTPStatus(decision.http_status or HTTPStatus.FORBIDDEN)
    return Refusal(status, _TEXTS.get(status, f"{status.phrase}.\n"), Result.REFUSED_BY_AUTH)
