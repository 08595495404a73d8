"""A gateway asks whether a station may connect."""

from csms.v1.bus_pb2 import Record
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_ocpp import station_ids

from csms_auth import bus_messages
from csms_auth.domain import connections
from csms_auth.domain.connections import Allowed, Refused
from csms_auth.domain.stations import Station
from csms_auth.handlers.turn import SKIP, Refusal, Step, Turn, expired


def step(record: Record, now_ms: int) -> Step:
    """Return how to answer. A request past its deadline is skipped: the gateway has refused the station already."""
    request = record.connection_request
    if expired(request.deadline_ms, now_ms):
        return SKIP

    attempt = bus_messages.attempt(record.station_id, request)

    def run(turn: Turn) -> None:
        spelled = turn.spelling(record.station_id)
        if spelled != record.station_id:
            answer = bus_messages.spelled_otherwise(request.correlation_id, spelled)
            reply = new_record(record.station_id, connection_decision=answer)
            turn.outgoing.append(Outgoing(request.reply_to.topic, reply, partition=request.reply_to.partition))
            return
        known = turn.stations.get(record.station_id)
        decision = connections.decide(attempt, known, turn.connection_rules)
        turn.note_connection(record.station_id, decision)
        if isinstance(decision, Allowed):
            _let_in(turn, record.station_id, decision, known)
        if isinstance(decision, Refused):
            turn.refusals.append(Refusal(record.station_id, decision, request.remote_address))
        answer = bus_messages.connection_decision(request.correlation_id, decision)
        reply = new_record(record.station_id, connection_decision=answer)
        if answer.allowed:
            turn.allowed.append(reply)
        turn.outgoing.append(Outgoing(request.reply_to.topic, reply, partition=request.reply_to.partition))

    shown = [attempt.certificate] if attempt.certificate else []
    return Step(run, station_id=record.station_id, certificates=shown)


def _let_in(turn: Turn, station_id: str, allowed: Allowed, known: Station | None) -> None:
    """Keep what the connection proves of a station."""
    if known is None or known.deleted:
        turn.let_in += 1
        turn.let_in_as[station_ids.key(station_id)] = station_id
    if allowed.pending_digest:
        turn.take_pending(station_id, allowed)
    if allowed.renewal is not None:
        turn.renew(station_id, allowed.renewal)
    if allowed.proven_profile:
        turn.prove(station_id, allowed.proven_profile)
    if allowed.claimed_digest:
        turn.claim(station_id, allowed)
