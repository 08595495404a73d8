import asyncio
from datetime import UTC, datetime

import pytest
from csms.v1.auth_pb2 import RegistrationStatus
from csms_bus.ports import Start
from csms_bus.topics import EVENTS_DEVICES
from csms_device_mgmt.boot.progress import NOWHERE, Progress, Step
from csms_device_mgmt.monitoring import notification_rows
from csms_device_mgmt.reports import report_rows
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.status.connector_rows import Status
from csms_runtime import passwords
from csms_runtime.http import encode_cursor

PASSWORD = "a-long-enough-password"


async def test_put_creates_and_shows(api, auth, secret_key):
    body = {
        "security_profile": 1,
        "password": PASSWORD,
        "serial_number": "SN-1",
        "registration": "Pending",
        "onboarding": "inventory",
        "message_timeout_s": 30,
        "vendor_ids": ["com.example"],
    }
    answer = await api.put("/stations/CS1", json=body)
    assert answer.status_code == 201
    shown = answer.json()
    assert {name: shown[name] for name in body if name != "password"} == {
        name: value for name, value in body.items() if name != "password"
    }
    assert "password" not in shown
    assert (shown["id"], shown["station_id"], shown["password_set"]) == ("CS1", "CS1", True)
    assert (shown["connected"], shown["protocol"], shown["evses"], shown["registration_status"]) == (
        False,
        None,
        [],
        None,
    )
    assert shown["created_at"].endswith("Z")
    (admission,) = auth.admissions
    assert admission.password_digest == passwords.digest(secret_key, "CS1", PASSWORD.encode())
    assert (admission.security_profile, admission.serial_number, admission.message_timeout_s) == (1, "SN-1", 30)
    assert admission.registration_status == RegistrationStatus.REGISTRATION_STATUS_PENDING


async def test_empty_put_creates_with_defaults(api):
    answer = await api.put("/stations/CS1", json={})
    assert answer.status_code == 201
    shown = answer.json()
    assert (shown["registration"], shown["onboarding"], shown["vendor_ids"]) == ("Accepted", "none", [])
    assert (shown["security_profile"], shown["message_timeout_s"], shown["password_set"]) == (None, None, False)


async def test_put_keeps_what_it_does_not_mention(api, auth):
    await api.put("/stations/CS1", json={"security_profile": 2, "password": PASSWORD, "vendor_ids": ["a"]})
    answer = await api.put("/stations/CS1", json={"registration": "Rejected", "vendor_ids": ["b"]})
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["security_profile"], shown["registration"], shown["vendor_ids"]) == (2, "Rejected", ["b"])
    assert shown["password_set"] is True
    first, second = auth.admissions
    assert second.revision > first.revision
    assert second.password_digest == b""
    assert second.security_profile == 2


async def test_null_clears(api):
    await api.put("/stations/CS1", json={"security_profile": 2, "serial_number": "SN-1"})
    shown = (await api.put("/stations/CS1", json={"security_profile": None, "serial_number": None})).json()
    assert (shown["security_profile"], shown["serial_number"]) == (None, None)


BAD = [
    ({"password": "x" * 15}, "/password"),
    ({"password": "x" * 65}, "/password"),
    ({"password": None}, "/password"),
    ({"security_profile": 0}, "/security_profile"),
    ({"security_profile": 4}, "/security_profile"),
    ({"registration": "Maybe"}, "/registration"),
    ({"registration": None}, "/registration"),
    ({"onboarding": "all"}, "/onboarding"),
    ({"message_timeout_s": 0}, "/message_timeout_s"),
    ({"vendor_ids": [""]}, "/vendor_ids/0"),
    ({"serial_number": "a\0b"}, "/serial_number"),
    ({"colour": "red"}, "/colour"),
]


async def test_bad_bodies(api, auth, pointers):
    for body, pointer in BAD:
        answer = await api.put("/stations/CS1", json=body)
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert pointers(answer) == [pointer]
        assert "xxxxx" not in answer.text
    assert auth.admissions == []


async def test_ids(api):
    bad = ("a:b", "x" * 49, "%20", "a%0Ab", "CS1%20", "%20CS1", "%ED%A0%80", "%FF", "%1B%5B2J", "%E2%80%AE", "a%C2%85")
    for station_id in bad:
        answer = await api.put(f"/stations/{station_id}", json={})
        assert answer.status_code == 422, station_id
        assert "the identity" in answer.json()["errors"][0]["detail"]
    for station_id in ("A*b-c_d=e+f|g@h.i", "x" * 48):
        assert (await api.put(f"/stations/{station_id}", json={})).status_code == 201
        assert (await api.get(f"/stations/{station_id}")).json()["station_id"] == station_id


async def test_silent_auth_means_nothing_is_claimed(api, auth):
    auth.silent = True
    answer = await api.put("/stations/CS1", json={"password": PASSWORD})
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await api.get("/stations/CS1")).status_code == 404
    auth.silent = False
    assert (await api.put("/stations/CS1", json={"registration": "Accepted"})).status_code == 201
    auth.silent = True
    assert (await api.put("/stations/CS1", json={"registration": "Rejected"})).status_code == 503
    assert (await api.get("/stations/CS1")).json()["registration"] == "Accepted"


async def test_what_auth_did_not_apply_is_tried_again_and_not_claimed(api, auth):
    auth.outdated = 2
    assert (await api.put("/stations/CS1", json={})).status_code == 201
    assert len(auth.admissions) == 3
    auth.outdated = 100
    assert (await api.put("/stations/CS1", json={"registration": "Rejected"})).status_code == 409
    assert (await api.get("/stations/CS1")).json()["registration"] == "Accepted"


async def test_crossing_changes_are_all_made(api, auth):
    await api.put("/stations/CS1", json={})
    answers = await asyncio.gather(
        api.put("/stations/CS1", json={"security_profile": 2}),
        api.put("/stations/CS1", json={"serial_number": "SN"}),
        api.put("/stations/CS1", json={"registration": "Pending"}),
    )
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    shown = (await api.get("/stations/CS1")).json()
    assert (shown["security_profile"], shown["serial_number"], shown["registration"]) == (2, "SN", "Pending")
    newest = max(auth.admissions, key=lambda admission: admission.revision)
    assert (newest.security_profile, newest.serial_number) == (2, "SN")


async def test_unknown_station(api):
    for answer in (await api.get("/stations/nobody"), await api.delete("/stations/nobody")):
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


async def test_delete(api, auth, gateway, connected, eventually):
    await api.post(f"/stations/{connected}/calls/Reset", json={"type": "OnIdle"})
    before = auth.admissions[-1].revision
    assert (await api.delete(f"/stations/{connected}")).status_code == 204
    assert auth.admissions[-1].deleted
    assert auth.admissions[-1].revision > before
    assert (await api.get(f"/stations/{connected}")).status_code == 404

    async def connection_closed():
        return gateway.closed == ["c1"]

    await eventually(connection_closed)
    await api.put(f"/stations/{connected}", json={})
    assert auth.admissions[-1].revision > before
    assert (await api.get(f"/stations/{connected}/calls")).json()["items"] == []


async def test_the_end_of_a_deleted_stations_connection_is_told(api, bus, connected):
    (await api.delete(f"/stations/{connected}")).raise_for_status()
    async with asyncio.timeout(10), bus.read(EVENTS_DEVICES.name, partition=None, start=Start.BEGINNING) as reader:
        async for batch in reader.batches():
            ends = [each.record.event.station_disconnected for each in batch if _is_end(each.record)]
            if ends:
                assert [(end.connection_id, end.reason) for end in ends] == [("c1", "the station was deleted")]
                return


def _is_end(record):
    return record is not None and record.event.HasField("station_disconnected")


async def test_delete_needs_auth(api, auth):
    await api.put("/stations/CS1", json={})
    auth.silent = True
    assert (await api.delete("/stations/CS1")).status_code == 503
    assert (await api.get("/stations/CS1")).status_code == 200


async def test_connection_is_shown(api, gateway, connected, eventually):
    shown = (await api.get(f"/stations/{connected}")).json()
    assert (shown["connected"], shown["protocol"]) == (True, "ocpp2.0.1")
    assert shown["connection"]["connection_id"] == "c1"
    assert shown["last_seen"].endswith("Z")
    await gateway.disconnect(connected)

    async def gone():
        found = (await api.get(f"/stations/{connected}")).json()
        return not found["connected"] and found["connection"]["closed_at"]

    await eventually(gone)


async def test_pages_and_filters(api, connected):
    for number in range(3):
        await api.put(f"/stations/X{number}", json={"registration": "Pending", "serial_number": f"sn-{number}"})
    first = (await api.get("/stations", params={"limit": 2})).json()
    assert [item["id"] for item in first["items"]] == [connected, "X0"]
    second = (await api.get("/stations", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert ([item["id"] for item in second["items"]], second["next_cursor"]) == (["X1", "X2"], None)

    async def ids(**params):
        return [item["id"] for item in (await api.get("/stations", params=params)).raise_for_status().json()["items"]]

    assert await ids(registration="Pending") == ["X0", "X1", "X2"]
    assert await ids(connected="true") == ["CS1"]
    assert await ids(connected="false") == ["X0", "X1", "X2"]
    assert await ids(q="SN-1") == ["X1"]
    assert await ids(q="%") == []
    assert await ids(q="x", registration="Accepted") == []
    for bad in ({"cursor": "nonsense"}, {"limit": 0}, {"registration": "Maybe"}, {"q": "\0"}):
        assert (await api.get("/stations", params=bad)).status_code == 422


async def test_scopes(clients):
    reader, operator = clients("read"), clients("operate")
    assert (await operator.put("/stations/CS1", json={})).status_code == 403
    assert (await operator.delete("/stations/CS1")).status_code == 403
    assert (await operator.post("/stations/CS1/password", json={"password": PASSWORD})).status_code == 403
    assert (await reader.get("/stations")).status_code == 200
    for path in ("calls/Reset", "variables/get", "variables/set", "reports"):
        assert (await reader.post(f"/stations/CS1/{path}", json={})).status_code == 403


def set_variable(component, variable):
    return {"component": {"name": component}, "variable": {"name": variable}, "attributeValue": PASSWORD}


NETWORK_PROFILE = {
    "configurationSlot": 1,
    "connectionData": {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": "wss://elsewhere.example",
        "messageTimeout": 30,
        "securityProfile": 2,
        "ocppInterface": "Wired0",
    },
}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("calls/SetVariables", {"setVariableData": [set_variable("SecurityCtrlr", "BasicAuthPassword")]}),
        ("variables/set", {"variables": [set_variable("X", "Y"), set_variable("securityctrlr", "basicauthPASSWORD")]}),
        ("calls/SetNetworkProfile", NETWORK_PROFILE),
    ],
)
async def test_operators_change_no_credentials_and_no_connection(clients, gateway, connected, path, body):
    answer = await clients("operate").post(f"/stations/{connected}/{path}", json=body)
    assert (answer.status_code, answer.json()["required_scope"]) == (403, "admin")
    assert gateway.commands == []
    await clients("admin").post(f"/stations/{connected}/{path}", json=body, params={"timeout_s": 0.2})
    assert len(gateway.commands) >= 1


async def test_operators_set_other_variables(clients, gateway, connected):
    operator, other = clients("operate"), set_variable("OCPPCommCtrlr", "HeartbeatInterval")
    for path, body in (("calls/SetVariables", {"setVariableData": [other]}), ("variables/set", {"variables": [other]})):
        answer = await operator.post(f"/stations/{connected}/{path}", json=body, params={"timeout_s": 0.2})
        assert answer.status_code != 403
    assert len(gateway.commands) >= 2


async def test_cursors_of_nobody(api, connected):
    nul, number = encode_cursor(["\0"]), encode_cursor([2**63])
    moments = [encode_cursor(position) for position in (["x", "y"], ["2026-01-01T00:00:00", "y"])]
    moments.append(encode_cursor(["2026-01-01T00:00:00+00:00", "\0"]))
    for path, cursors in {
        "": [nul, number],
        f"/{connected}/variables": [nul, number],
        f"/{connected}/reports": [nul, number],
        f"/{connected}/calls": moments,
        f"/{connected}/notifications": moments,
    }.items():
        for cursor in cursors:
            answer = await api.get(f"/stations{path}", params={"cursor": cursor})
            assert answer.status_code == 422, (path, cursor)


THRESHOLD = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "OfflineThreshold"}, "attributeValue": "1"}


async def test_put_keeps_the_variables_of_onboarding(api, auth):
    body = {"onboarding": "inventory", "onboarding_variables": [THRESHOLD]}
    shown = (await api.put("/stations/CS1", json=body)).json()
    assert shown["onboarding_variables"] == [THRESHOLD]
    assert shown["onboarding_progress"] is None
    shown = (await api.put("/stations/CS1", json={"serial_number": "SN"})).json()
    assert (shown["onboarding"], shown["onboarding_variables"]) == ("inventory", [THRESHOLD])
    (admission, _) = auth.admissions
    assert admission.registration_status == RegistrationStatus.REGISTRATION_STATUS_PENDING  # its first boot will be


@pytest.mark.parametrize(
    ("elements", "named"),
    [
        ([{**THRESHOLD, "attributeValue": 1}], "/0/attributeValue"),
        ([THRESHOLD, {"component": {"name": "A"}, "attributeValue": "1"}], "/1"),
        ([{**THRESHOLD, "variable": {"name": "BasicAuthPassword"}}], "secret"),
        ([THRESHOLD, {**THRESHOLD, "attributeValue": "2", "attributeType": "Actual"}], "B05.FR.13"),
    ],
)
async def test_variables_of_onboarding_must_be_fit_to_be_sent(api, elements, named):
    answer = await api.put("/stations/CS1", json={"onboarding_variables": elements})
    assert answer.status_code == 422
    assert named in answer.text
    assert (await api.get("/stations/CS1")).status_code == 404


async def test_another_onboarding_begins_anew(api, units):
    await api.put("/stations/CS1", json={"onboarding": "inventory"})
    now = datetime.now(UTC)
    done = Progress(Step.DONE, NOWHERE, "ocpp2.0.1", now, now, request_id=1).to_json()
    async with units.open() as unit:
        (await station_rows.find(unit.session, "CS1")).onboarding_progress = done
    shown = (await api.put("/stations/CS1", json={"onboarding": "inventory", "vendor_ids": ["a"]})).json()
    assert shown["onboarding_progress"]["step"] == "done"
    shown = (await api.put("/stations/CS1", json={"onboarding_variables": [THRESHOLD]})).json()
    assert shown["onboarding_progress"] is None


async def test_organization_and_null_for_the_default(api, auth):
    shown = (await api.put("/stations/CS1", json={"organization": "Fleet Ltd"})).json()
    assert shown["organization"] == "Fleet Ltd"
    assert auth.admissions[-1].organization == "Fleet Ltd"
    assert (await api.put("/stations/CS1", json={"registration": "Pending"})).json()["organization"] == "Fleet Ltd"
    assert (await api.put("/stations/CS1", json={"organization": None})).json()["organization"] is None
    assert auth.admissions[-1].organization == ""
    for wrong in ("", "x" * 65, "a\0b"):
        assert (await api.put("/stations/CS1", json={"organization": wrong})).status_code == 422


async def test_the_versions_that_it_may_speak_and_null_for_all(api, auth):
    wanted = ["ocpp2.0.1", "ocpp1.6"]
    assert (await api.put("/stations/CS1", json={"ocpp_protocols": wanted})).json()["ocpp_protocols"] == wanted
    assert list(auth.admissions[-1].protocols) == wanted
    assert (await api.put("/stations/CS1", json={"registration": "Pending"})).json()["ocpp_protocols"] == wanted
    assert (await api.put("/stations/CS1", json={"ocpp_protocols": None})).json()["ocpp_protocols"] is None
    assert list(auth.admissions[-1].protocols) == []
    for wrong in ([], ["ocpp1.5"], "ocpp1.6"):
        assert (await api.put("/stations/CS1", json={"ocpp_protocols": wrong})).status_code == 422


@pytest.mark.parametrize("lower", [1, 2, None])
async def test_a_security_profile_it_has_connected_with_is_never_lowered(api, auth, units, lower):
    await api.put("/stations/CS1", json={"security_profile": 3})
    async with units.open() as unit:
        (await station_rows.find(unit.session, "CS1")).reached_security_profile = 3
    told = len(auth.admissions)
    answer = await api.put("/stations/CS1", json={"security_profile": lower, "registration": "Rejected"})
    assert answer.status_code == 409
    assert "A05.FR.07" in answer.json()["detail"]
    assert len(auth.admissions) == told
    shown = (await api.get("/stations/CS1")).json()
    assert (shown["security_profile"], shown["registration"]) == (3, "Accepted")
    assert (await api.put("/stations/CS1", json={"security_profile": 3})).status_code == 200


async def test_a_pending_profile_is_kept_until_it_is_reached(api, auth, units):
    await api.put("/stations/CS1", json={"security_profile": 1})
    async with units.open() as unit:
        (await station_rows.find(unit.session, "CS1")).pending_security_profile = 2
    shown = (await api.put("/stations/CS1", json={"registration": "Pending"})).json()
    assert shown["pending_security_profile"] == 2
    assert auth.admissions[-1].pending_security_profile == 2
    shown = (await api.put("/stations/CS1", json={"security_profile": 2})).json()
    assert (shown["security_profile"], shown["pending_security_profile"]) == (2, None)
    assert auth.admissions[-1].pending_security_profile == 0


async def test_every_evse_has_a_status_and_evse_0_is_none(api, units):
    await api.put("/stations/CS1", json={})
    reported = {(0, 0): "Unavailable", (1, 1): "Available", (1, 2): "Occupied", (2, 0): "Reserved", (2, 1): "Available"}
    async with units.open() as unit:
        await unit.statuses.load(unit.session, ["CS1"])
        for place, status in reported.items():
            unit.statuses.report("CS1", place, Status(status, unit.now, unit.now, is_own_time=True), None)
    shown = (await api.get("/stations/CS1")).json()
    assert shown["status"] == "Unavailable"
    assert [(evse["evse_id"], evse["status"]) for evse in shown["evses"]] == [(1, "Occupied"), (2, "Reserved")]
    assert [len(evse["connectors"]) for evse in shown["evses"]] == [2, 1]


async def test_a_page_of_stations_ends_by_bytes(api, units, monkeypatch):
    monkeypatch.setattr("csms_device_mgmt.stations.station_routes.MAX_PAGE_BYTES", 10_000)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for name in ("A", "B", "C"):
        await api.put(f"/stations/{name}", json={})
        async with units.open() as unit:
            await unit.statuses.load(unit.session, [name])
            for number in range(30):
                unit.statuses.report(name, (1, number), Status("Available", at, at, is_own_time=True), None)
    first = (await api.get("/stations")).json()
    assert [len(station["evses"][0]["connectors"]) for station in first["items"]] == [29]
    rest = (await api.get("/stations", params={"cursor": first["next_cursor"]})).json()
    assert [station["id"] for station in rest["items"]] == ["B"]


async def test_a_page_of_notifications_and_a_large_report_go_on(api, units):
    custom = {"vendorId": "v", "x": "a" * 1_500_000}
    await api.put("/stations/CS1", json={})
    async with units.open() as unit:
        report = await report_rows.begin(unit.session, "CS1", 7, kind=None, call_id=None, now=unit.now)
        for number in range(4):
            key = {"station_id": "CS1", "received_at": unit.now, "size": 1_500_000}
            told = {"record_id": f"r{number}", "action": "A", "protocol": "ocpp2.0.1", "payload": custom}
            await notification_rows.add(unit.session, key | told)
            part = {"message": report.message, "request_id": 7, "seq_no": number, "tbc": number < 3}
            await report_rows.add_part(unit.session, key | part | {"entries": [custom], "entry_count": 1})
    for path, name in (("notifications", "items"), ("reports/7", "entries")):
        sizes, cursor = [], None
        while cursor is not None or not sizes:
            answer = (await api.get(f"/stations/CS1/{path}", params={"cursor": cursor} if cursor else {})).json()
            sizes.append(len(answer[name]))
            cursor = answer["next_cursor"]
        assert sizes == [2, 2]
    assert (answer["status"], answer["parts"], answer["missing"]) == ("complete", 4, [])
    assert (await api.get("/stations/CS1/reports/7", params={"cursor": "x"})).status_code == 422


async def test_identities_have_no_case(api, auth, secret_key):
    created = await api.put("/stations/Cs-Case", json={"security_profile": 1, "password": "correct horse battery"})
    assert (created.status_code, created.json()["station_id"]) == (201, "Cs-Case")
    changed = await api.put("/stations/CS-CASE", json={"serial_number": "SN-1", "password": "another long password"})
    shown = changed.json()
    assert (changed.status_code, shown["station_id"], shown["serial_number"]) == (200, "Cs-Case", "SN-1")
    assert auth.admissions[-1].password_digest == passwords.digest(secret_key, "Cs-Case", b"another long password")
    assert (await api.get("/stations/cs-case")).json()["station_id"] == "Cs-Case"
    for path in ("calls", "notifications", "refused-messages", "variables"):
        assert (await api.get(f"/stations/cs-case/{path}")).status_code == 200
    sent = await api.post("/stations/cs-case/calls/ClearCache", json={})
    assert (sent.status_code, sent.json()["station_id"]) == (409, "Cs-Case")
    assert [call["action"] for call in (await api.get("/stations/CS-case/calls")).json()["items"]] == ["ClearCache"]
    assert (await api.delete("/stations/CS-CASE")).status_code == 204
    assert (await api.get("/stations/Cs-Case")).status_code == 404
    assert (await api.put("/stations/CS-CASE", json={})).json()["station_id"] == "CS-CASE"


async def test_both_of_two_spellings_at_once_are_one_station(api):
    names = ("twin", "TWIN", "Twin", "tWIN")
    answers = await asyncio.gather(*(api.put(f"/stations/{name}", json={}) for name in names))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert len({answer.json()["station_id"] for answer in answers}) == 1
