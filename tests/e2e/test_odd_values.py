"""Whatever its schema lets through, a CALL is understood or refused; it is never the reason of an internal error."""

import asyncio
import importlib.util
import json
import random
import sys
from pathlib import Path

import orjson
import pytest
import websockets
from csms_ocpp.actions import ACTIONS
from csms_ocpp.validation import validate_request
from csms_ocpp.versions import Protocol

MESSAGES = 120
BOOT = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}
V201 = Protocol.OCPP201


def _messages():
    file = Path(__file__).parents[1] / "fuzz" / "messages.py"
    spec = importlib.util.spec_from_file_location("csms_fuzz_messages", file)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


messages = _messages()


def odd_calls(seed: int):
    """Actions and payloads that are valid by their schema, and as odd as it allows."""
    rng = random.Random(seed)  # noqa: S311 no secret
    actions = [name for name, known in sorted(ACTIONS[V201].items()) if known.from_station]
    while True:
        action = rng.choice(actions)
        payload = messages.request(rng, V201, action)
        for _ in range(rng.randrange(4)):
            payload = messages.changed(rng, payload)
        if validate_request(V201, action, payload, outbound=False) is None:
            yield action, payload


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_valid_call_is_an_internal_error(system, station_id, seed):
    async with websockets.connect(f"{system.ocpp_urls[0]}/{station_id}", subprotocols=["ocpp2.0.1"]) as connection:
        calls = odd_calls(seed)
        sent = [("BootNotification", BOOT), *(next(calls) for _ in range(MESSAGES))]
        wrong = []
        for number, (action, payload) in enumerate(sent):
            await connection.send(orjson.dumps([2, str(number), action, payload]).decode())
            answer = await answer_to(connection, str(number))
            if answer[0] == 4 and answer[2] in {"InternalError", "GenericError"}:
                wrong.append((action, payload, answer))
        assert not wrong, f"{len(wrong)}: {json.dumps(wrong[:3], indent=1)}"


async def answer_to(connection, message_id):
    async with asyncio.timeout(20):
        while True:
            frame = json.loads(await connection.recv())
            if frame[0] in {3, 4} and frame[1] == message_id:
                return frame
            if frame[0] == 2:  # a CALL of the CSMS
                await connection.send(json.dumps([4, frame[1], "NotSupported", "", {}]))
