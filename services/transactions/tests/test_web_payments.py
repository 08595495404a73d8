"""Payments by QR code: a one-time password begins one payment, and what a provider authorized pays once."""

import asyncio

from csms.v1.station_pb2 import Outcome
from csms_runtime.clock import utcnow
from csms_transactions.domain.totp import Totp

TOTP = Totp("a secret of the station", validity_time_s=30, length=8)


def _url(evse_id=1):
    code = TOTP.code(int(utcnow().timestamp()) // TOTP.validity_time_s)
    return f"https://pay.example.org/CS1/{evse_id}/{code}/v1"


async def _posted(world, api, path, body, answer=None):
    posted = asyncio.create_task(api.post(path, json=body))
    if answer is not None:
        await world.gateway.answer(Outcome.OUTCOME_RESULT, answer)
    return await posted


async def test_a_code_begins_one_payment_at_an_evse_and_an_authorization_pays_once(world, api):
    await world.connect(protocol="ocpp2.1")
    secret = {"shared_secret": TOTP.shared_secret}
    assert (await api.put("/stations/CS1/web-payment-settings", json=secret)).status_code == 200
    url = _url()
    first = await _posted(world, api, "/web-payments", {"url": url}, {})
    assert first.status_code == 201
    assert (await _posted(world, api, "/web-payments", {"url": url})).status_code == 403
    second = await _posted(world, api, "/web-payments", {"url": _url(2)}, {})
    assert second.status_code == 201, "another driver's, at another EVSE"

    paths = [f"/web-payments/{begun.json()['id']}/authorization" for begun in (first, second)]
    rejected = await _posted(world, api, paths[0], {"psp_ref": "psp-1"}, {"status": "Rejected"})
    assert rejected.json()["response"] == {"status": "Rejected"}
    accepted = await _posted(world, api, paths[1], {"psp_ref": "psp-1"}, {"status": "Accepted"})
    assert accepted.status_code == 200, "nothing was started with it"
    again = await _posted(world, api, paths[0], {"psp_ref": "psp-1"})
    assert (again.status_code, again.json()["detail"]) == (409, "Another payment has this psp_ref")
    assert (await _posted(world, api, paths[0], {"psp_ref": "psp-2"}, {"status": "Accepted"})).status_code == 200


async def test_a_code_that_the_station_was_not_told_of_may_come_again(world, api):
    secret = {"shared_secret": TOTP.shared_secret}
    await api.put("/stations/CS1/web-payment-settings", json=secret)
    url = _url()
    assert (await _posted(world, api, "/web-payments", {"url": url})).status_code == 422, (
        "it does not speak of payments"
    )
    await world.connect(protocol="ocpp2.1")
    assert (await _posted(world, api, "/web-payments", {"url": url}, {})).status_code == 201
