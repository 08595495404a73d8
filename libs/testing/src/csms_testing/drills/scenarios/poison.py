"""Records that nobody can process."""

import asyncio
import time
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import GATEWAY_STATE_ALIVE, GatewayStatus, ReplyTo, StationCall
from csms_bus.records import new_record
from csms_bus.topics import CALLS_AUTH, CALLS_DEVICES, CALLS_TRANSACTIONS, GATEWAY_INBOX

from csms_testing.drills.drill import Drill, Scene, Stage
from csms_testing.drills.failure import DrillFailed
from csms_testing.drills.topics import dead_letters

_TOPICS = (CALLS_AUTH, CALLS_TRANSACTIONS, CALLS_DEVICES)
_ACTIONS = {CALLS_AUTH: "Authorize", CALLS_TRANSACTIONS: "TransactionEvent", CALLS_DEVICES: "BootNotification"}
_DEADLINE_S = 120.0
_SPARE_SLOT = 31
"""A partition of gateway.inbox that no gateway reads."""


def _poison(station_id: str) -> Sequence[tuple[str, bytes]]:
    """(topic, value): no protobuf at all, a body that does not belong there, a payload that no handler can read."""
    made: list[tuple[str, bytes]] = []
    for topic in _TOPICS:
        wrong_body = new_record(station_id, gateway_status=GatewayStatus(gateway_slot=0, state=GATEWAY_STATE_ALIVE))
        call = StationCall(
            reply_to=ReplyTo(topic=GATEWAY_INBOX.name, partition=_SPARE_SLOT),
            correlation_id=f"poison-{topic.name}",
            protocol="ocpp2.0.1",
            action=_ACTIONS[topic],
            message_id="poison",
            payload=b'{"broken": ',
            deadline_ms=int((time.time() + 60) * 1000),
        )
        broken_call: Record = new_record(station_id, station_call=call)
        made += [
            (topic.name, b"\xff\xfe no record at all \x00"),
            (topic.name, wrong_body.SerializeToString()),
            (topic.name, broken_call.SerializeToString()),
        ]
    return made


async def poison(scene: Scene) -> float:
    """Poison on each topic of station CALLs, under the keys of stations that are at work."""
    bootstrap = scene.arena.broker.bootstrap
    before = len(await dead_letters(bootstrap))
    records = _poison(scene.load.stations[0].id)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        for topic, value in records:
            await producer.send_and_wait(topic, value, key=scene.load.stations[0].id.encode())
    finally:
        await producer.stop()
    sent_at = time.monotonic()
    recovery_s = await scene.load.served_again(sent_at, _DEADLINE_S)
    scene.expected_dead_letters = len(records)
    while (found := len(await dead_letters(bootstrap)) - before) < len(records):
        if time.monotonic() > sent_at + _DEADLINE_S:
            raise DrillFailed(f"{found} of {len(records)} poison records became dead letters")
        await asyncio.sleep(0.5)
    scene.notes["dead_letters"] = found
    return recovery_s


DRILLS = (Drill("poison", "records nobody can process, on each ocpp.calls topic", Stage.CLUSTER, poison),)
