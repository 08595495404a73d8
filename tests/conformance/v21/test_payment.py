"""OCPP 2.1, payment: prepaid cards, VAT numbers, costs, settlements, QR codes; and the upload of logs."""

import ssl
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx2
import pytest
from csms_testing.conformance import Transaction, shown
from csms_testing.conformance.states import authorize
from csms_testing.conformance.station import now
from csms_testing.tls_front import tls_front
from csms_testing.totp import code

SECRET = "a secret of the station"


def total(amount):
    """What the station says that it costs."""
    return {
        "totalCost": {"currency": "EUR", "typeOfCost": "NormalCost", "total": {"inclTax": amount}},
        "totalUsage": {"energy": 25.5, "chargingTime": 3600, "idleTime": 60},
    }


def energy(wh):
    return [{"timestamp": now(), "sampledValue": [{"value": wh, "measurand": "Energy.Active.Import.Register"}]}]


# ---- Prepaid cards ---------------------------------------------------------------------------------------------------
async def _prepaid(operator, token, amount):
    await operator.put_token(token, status="Accepted", credit={"amount": amount, "currency": "EUR"})


async def _left(operator, token):
    return (await operator.get(f"/id-tokens/ISO14443/{token}"))["credit"]["amount"]


async def test_tc_c_103_csms(operator, station, tokens):
    await _prepaid(operator, tokens.unknown, 20)
    info = await authorize(station, tokens.unknown)
    assert info["status"] == "Accepted"
    assert abs(datetime.fromisoformat(info["cacheExpiryDateTime"]) - datetime.now(UTC)) < timedelta(minutes=1)
    transaction = Transaction(station, tokens.unknown)
    answer = await transaction.event("Started", "Authorized", token=tokens.unknown)
    assert (answer["idTokenInfo"]["status"], answer["transactionLimit"]) == ("Accepted", {"maxCost": 20})
    assert await transaction.event("Updated", "LimitSet", info={"transactionLimit": {"maxCost": 20}}) == {}
    other = await Transaction(station, tokens.unknown, evse=(2, 1)).event("Started", "Authorized", token=tokens.unknown)
    assert other["idTokenInfo"]["status"] == "ConcurrentTx", "one credit is not spent twice"
    await transaction.event("Ended", "CostLimitReached", costDetails=total(12.1), info={"stoppedReason": "Local"})
    seen = await shown.transaction(operator, transaction)
    assert (seen["cost"], seen["currency"]) == (12.1, "EUR")

    async def paid():
        return await _left(operator, tokens.unknown) == 7.9

    await operator.eventually(paid)


async def test_tc_c_104_csms_and_a_card_that_is_topped_up(operator, station, tokens):
    await _prepaid(operator, tokens.unknown, 0)
    info = await authorize(station, tokens.unknown)
    assert info["status"] == "NoCredit"
    assert "cacheExpiryDateTime" in info
    body = {"add": 10.5, "currency": "EUR"}
    answer = await operator.client.post(f"/id-tokens/ISO14443/{tokens.unknown}/credit", json=body)
    assert answer.json()["credit"] == {"amount": 10.5, "currency": "EUR"}
    assert (await authorize(station, tokens.unknown))["status"] == "Accepted"


# ---- VAT numbers -----------------------------------------------------------------------------------------------------
async def test_tc_c_108_csms(operator, tells, station_id):
    number = f"NL{station_id[3:13].upper()}B01"
    company = {"name": "Company", "address1": "Street 1", "city": "Arnhem", "country": "Netherlands"}
    refused = {"status": "Rejected", "statusInfo": {"reasonCode": "NotFound", "additionalInfo": "-"}}
    asked = {"vatNumber": number, "evseId": 2}
    refused["statusInfo"]["additionalInfo"] = "The VAT number is not registered here"
    await tells("VatNumberValidation", asked, answer=asked | refused)
    await operator.put(f"/vat-numbers/{number[:2]} {number[2:]}", {"company": company})
    await tells("VatNumberValidation", asked, answer=asked | {"status": "Accepted", "company": company})
    assert (await operator.get(f"/vat-numbers/{number}"))["company"] == company
    assert (await operator.client.delete(f"/vat-numbers/{number}")).status_code == 204


# ---- Settlement ------------------------------------------------------------------------------------------------------
async def _settlement(operator, psp_ref):
    async def look():
        return await operator.items("/settlements", psp_ref=psp_ref)

    (found,) = await operator.eventually(look)
    return found


async def test_tc_c_117_csms(operator, station, station_id, tokens):
    """The station is set up for settlement by the CSMS: the payment service settles and makes the receipt."""
    psp_ref = tokens.unknown
    await operator.put_token(psp_ref, "DirectPayment", status="Accepted")
    named = {"component": {"name": "PaymentCtrlr"}, "variable": {"name": "SettlementByCSMS"}}
    async with operator.posting(f"/stations/{station_id}/variables/get", {"variables": [named]}):
        result = {**named, "attributeStatus": "Accepted", "attributeValue": "true"}
        await station.reply("GetVariables", {"getVariableResult": [result]})
    transaction = Transaction(station, psp_ref, kind="DirectPayment")
    await transaction.energy_transfer_started()
    await transaction.event("Ended", "StopAuthorized", costDetails=total(12.1), info={"stoppedReason": "Local"})
    due = await _settlement(operator, psp_ref)
    assert (due["status"], due["settled_by"], due["amount"], due["currency"]) == ("Open", "csms", 12.1, "EUR")
    assert due["transaction_id"] == transaction.transaction_id
    receipt = {"receipt_id": "r-1", "receipt_url": "https://psp.example.org/r-1"}
    settled = await operator.client.post(f"/settlements/{due['id']}/result", json={"status": "Settled", **receipt})
    assert settled.status_code == 200
    seen = await operator.get(f"/settlements/{due['id']}")
    assert {name: seen[name] for name in receipt} == receipt
    assert (seen["status"], seen["amount"]) == ("Settled", 12.1)
    late = await operator.client.post(f"/settlements/{due['id']}/result", json={"status": "Failed"})
    assert late.status_code == 409


async def test_what_a_station_settles_is_shown_as_a_settlement(operator, tells, station_id):
    """TC_C_118 and TC_C_120, as the operator sees them."""
    told = {"pspRef": f"psp-{station_id}", "settlementAmount": 12.5, "settlementTime": now(), "transactionId": "tx-1"}
    await tells("NotifySettlement", told | {"status": "Rejected", "statusInfo": "no funds"})
    first = await _settlement(operator, told["pspRef"])
    assert (first["status"], first["settled_by"], first["status_info"]) == ("Rejected", "station", "no funds")
    receipt = f"https://receipts.example.org/{told['pspRef']}"
    await tells("NotifySettlement", told | {"status": "Settled"}, answer={"receiptUrl": receipt})
    second = await _settlement(operator, told["pspRef"])
    assert (second["id"], second["status"], second["receipt_url"]) == (first["id"], "Settled", receipt)


# ---- Central cost ----------------------------------------------------------------------------------------------------
async def _started(operator, station, path, body, *, token):
    """The operator starts a transaction with a payment's reference, which need not be stored."""
    async with operator.posting(path, body) as pending:
        request = await station.reply("RequestStartTransaction", {"status": "Accepted"})
    assert pending.response == {"status": "Accepted"}
    assert request["idToken"] == {"idToken": token, "type": "DirectPayment"}
    transaction = Transaction(station, token, kind="DirectPayment")
    info = {"remoteStartId": request["remoteStartId"]}
    answer = await transaction.event("Started", "RemoteStart", token=token, info=info, meterValue=energy(0))
    assert answer["idTokenInfo"]["status"] == "Accepted"
    return transaction, request, answer


async def test_tc_c_125_csms(operator, station, station_id, tokens):
    prices = {"currency": "EUR", "start_fee": 1, "price_per_kwh": 0.4, "idle_price_per_hour": 6}
    await operator.put(f"/tariffs/{station_id}", {**prices, "station_id": station_id})
    psp_ref = tokens.unknown
    token = {"idToken": psp_ref, "type": "DirectPayment"}
    body = {"id_token": token, "evse_id": 1, "transaction_limit": {"maxCost": 50}}
    path = f"/stations/{station_id}/remote-start"
    transaction, _, answer = await _started(operator, station, path, body, token=psp_ref)
    assert answer["transactionLimit"] == {"maxCost": 50}
    transaction.charging_state = "Charging"
    charging = await transaction.event("Updated", "ChargingStateChanged", meterValue=energy(0))
    assert charging["totalCost"] == 0, "nothing is charged yet"
    running = await transaction.event("Updated", "MeterValuePeriodic", meterValue=energy(5000))
    assert running["totalCost"] == pytest.approx(3.0, abs=0.05)
    await operator.put(f"/tariffs/{station_id}", {**prices, "price_per_kwh": 9, "station_id": station_id})
    ended = await transaction.event(
        "Ended", "EVCommunicationLost", meterValue=energy(10000), info={"stoppedReason": "EVDisconnected"}
    )
    assert ended["totalCost"] == pytest.approx(5.0, abs=0.05), "by the tariff that held when it began"
    assert ended["updatedPersonalMessage"]["content"] == f"{ended['totalCost']:.2f} EUR"
    seen = await shown.transaction(operator, transaction)
    assert (seen["cost"], seen["currency"]) == (ended["totalCost"], "EUR")
    due = await _settlement(operator, psp_ref)
    assert (due["status"], due["amount"]) == ("Open", ended["totalCost"])


# ---- QR codes --------------------------------------------------------------------------------------------------------
@pytest.fixture
async def url(operator, station_id):
    """Of the QR code that the station shows now, for a driver who wants 20 kWh at most."""
    await operator.put(f"/stations/{station_id}/web-payment-settings", {"shared_secret": SECRET})
    shown_code = code(SECRET, validity_time_s=30, length=8)
    return f"https://pay.example.org/{station_id}/1/{shown_code}/v1/?maxenergy=20000&lang=nl"


async def test_tc_c_131_csms(operator, station, station_id, tokens, url):
    async with operator.posting("/web-payments", {"url": url, "timeout_s": 120}) as begun:
        assert await station.reply("NotifyWebPaymentStarted", {}) == {"evseId": 1, "timeout": 120}
    assert (begun.http_status, begun.body["status"]) == (201, "Started")
    assert begun.body["transaction_limit"] == {"maxEnergy": 20000}
    path, psp_ref = f"/web-payments/{begun.body['id']}/authorization", tokens.unknown
    body = {"psp_ref": psp_ref, "max_cost": 50}
    transaction, request, answer = await _started(operator, station, path, body, token=psp_ref)
    assert request["evseId"] == 1
    assert answer["transactionLimit"] == {"maxEnergy": 20000, "maxCost": 50}
    again = await operator.client.post(path, json=body)
    assert again.status_code == 409
    payment = await operator.get(f"/web-payments/{begun.body['id']}")
    assert (payment["status"], payment["psp_ref"]) == ("Authorized", psp_ref)
    assert payment["transaction_id"] == transaction.transaction_id
    assert SECRET not in str(await operator.get(f"/stations/{station_id}/web-payment-settings"))


async def test_tc_c_132_csms(operator, station, station_id, url):
    path, _, query = url.partition("?")
    for bad in (f"{path}?maxenergy=-1", f"{path}?maxcost=much", f"{path}more/?{query}", url.replace("/1/", "/0/")):
        refused = await operator.client.post("/web-payments", json={"url": bad})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/url"), bad
    unknown = await operator.client.post("/web-payments", json={"url": url.replace(station_id, "nobody")})
    assert unknown.status_code == 422
    await station.expect_nothing()


async def test_tc_c_133_csms(operator, station, station_id, url):
    of_yesterday = code(SECRET, validity_time_s=30, length=8, at=datetime.now(UTC) - timedelta(days=1))
    for wrong in ("AAAAAAAA", of_yesterday, "short"):
        bad = f"https://pay.example.org/{station_id}/1/{wrong}/v1"
        refused = await operator.client.post("/web-payments", json={"url": bad})
        assert refused.status_code == 403
    assert (await operator.client.post("/web-payments", json={"url": url.replace("/v1", "/v2")})).status_code == 403
    await station.expect_nothing()
    assert await operator.items("/web-payments", station_id=station_id) == []


# ---- Logs ------------------------------------------------------------------------------------------------------------
async def _uploaded(operator, station, station_id, where, **client):
    """The operator asks for a log and names no place: the station uploads it to the CSMS, as its answer is told."""
    async with operator.posting(f"/stations/{station_id}/logs", {"logType": "DiagnosticsLog", "log": {}}) as pending:
        asked = await station.reply("GetLog", {"status": "Accepted", "filename": "log 1.zip"})
    assert pending.response["status"] == "Accepted"
    location = urlsplit(asked["log"]["remoteLocation"])
    assert location.password not in str(await operator.items(f"/stations/{station_id}/calls"))
    assert location.path.endswith("/")
    target = f"{where or f'{location.scheme}://{location.hostname}:{location.port}'}{location.path}log%201.zip"
    log = b"line\n" * 100_000
    async with httpx2.AsyncClient(timeout=30, **client) as http:
        for credentials in (None, (location.username, "wrong"), ("other", location.password)):
            assert (await http.put(target, content=log, auth=credentials)).status_code == 401
        auth = (location.username, location.password)
        answer = await http.put(target, content=log, auth=auth)
        assert (answer.status_code, (await http.put(target, content=b"", auth=auth)).status_code) == (201, 409)
    done = {"status": "Uploaded", "requestId": asked["requestId"]}
    assert await station.call("LogStatusNotification", done) == {}
    (file,) = await operator.items(f"/stations/{station_id}/log-files")
    assert (file["state"], file["name"], file["size"]) == ("Received", "log 1.zip", len(log))
    assert file["request_id"] == asked["requestId"]
    content = await operator.client.get(f"/stations/{station_id}/log-files/{file['id']}/content")
    assert content.content == log


async def test_tc_n_102_csms(operator, station, station_id):
    await _uploaded(operator, station, station_id, None)


async def test_tc_n_103_csms(operator, station, station_id, system):
    """TLS ends before the API, as at an ingress."""
    async with tls_front(system.http_url, system.pki) as url:
        verify: ssl.SSLContext = system.pki.context()
        await _uploaded(operator, station, station_id, url, verify=verify)
