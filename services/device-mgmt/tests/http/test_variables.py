import pytest
from csms.v1.station_pb2 import Outcome

NAMES = ["A", "B", "C", "D", "E"]


def element(name, value=None, **more):
    found = {"component": {"name": "Ctrlr"}, "variable": {"name": name}, **more}
    return found if value is None else {**found, "attributeValue": value}


class Station:
    """Plays a station's device model; answers in reverse order, as it may."""

    def __init__(self, gateway, *, items=None, size=None):
        self.values = {"A": "1", "B": "2", "C": "3", "D": "4", "E": "5"}
        self.limits = {"ItemsPerMessage": items, "BytesPerMessage": size}
        self.calls = []
        gateway.respond = self.respond

    def respond(self, action, payload):
        key = "getVariableData" if action == "GetVariables" else "setVariableData"
        asked = payload[key]
        if asked[0]["component"]["name"] == "DeviceDataCtrlr":
            return {"getVariableResult": [self.limit(asked[0])]}
        self.calls.append((action, [item["variable"]["name"] for item in asked]))
        results = [self.get(item) if action == "GetVariables" else self.set(item) for item in asked]
        return {key.replace("Data", "Result"): results[::-1]}

    def limit(self, item):
        value = self.limits[item["variable"]["name"]]
        status = "UnknownVariable" if value is None else "Accepted"
        return {**item, "attributeStatus": status, **({} if value is None else {"attributeValue": str(value)})}

    def get(self, item):
        value = self.values.get(item["variable"]["name"])
        if value is None:
            return {**item, "attributeStatus": "UnknownVariable"}
        return {**item, "attributeStatus": "Accepted", "attributeValue": value}

    def set(self, item):
        known = item["variable"]["name"] in self.values
        named = {name: value for name, value in item.items() if name != "attributeValue"}
        return {**named, "attributeStatus": "Accepted" if known else "UnknownVariable"}


async def get(api, station_id, names, **params):
    body = {"variables": [element(name) for name in names]}
    return await api.post(f"/stations/{station_id}/variables/get", json=body, params=params)


async def test_one_variable_takes_one_message(api, gateway, connected):
    station = Station(gateway, items=4)
    answer = await get(api, connected, ["A"])
    assert answer.status_code == 200
    body = answer.json()
    assert (body["outcome"], body["station_id"]) == ("result", connected)
    assert body["results"] == [{**element("A"), "attributeStatus": "Accepted", "attributeValue": "1"}]
    assert [call["action"] for call in body["calls"]] == ["GetVariables"]
    assert station.calls == [("GetVariables", ["A"])]
    assert len(gateway.commands) == 1


async def test_split_to_items_per_message_and_merged_in_request_order(api, gateway, connected):
    station = Station(gateway, items=4)
    body = (await get(api, connected, NAMES)).json()
    assert station.calls == [("GetVariables", NAMES[:4]), ("GetVariables", NAMES[4:])]
    assert [result["attributeValue"] for result in body["results"]] == ["1", "2", "3", "4", "5"]
    assert len(body["calls"]) == 2


async def test_limits_are_asked_for_once(api, gateway, connected):
    Station(gateway, items=4, size=10_000)
    await get(api, connected, NAMES)
    asked = len(gateway.commands)
    await get(api, connected, NAMES)
    assert asked == 4
    assert len(gateway.commands) == asked + 2


async def test_bytes_per_message(api, gateway, connected):
    station = Station(gateway, size=220)
    await get(api, connected, NAMES)
    assert all(len(names) == 2 for _, names in station.calls[:-1])


async def test_a_station_without_limits_gets_one_message(api, gateway, connected):
    station = Station(gateway)
    await get(api, connected, NAMES)
    assert station.calls == [("GetVariables", NAMES)]


async def test_set_is_split_by_its_own_limit(api, gateway, connected):
    station = Station(gateway, items=2)
    body = {"variables": [element(name, "x") for name in ["A", "nowhere", "B"]]}
    answer = await api.post(f"/stations/{connected}/variables/set", json=body)
    assert answer.status_code == 200
    assert [result["attributeStatus"] for result in answer.json()["results"]] == [
        "Accepted",
        "UnknownVariable",
        "Accepted",
    ]
    assert station.calls == [("SetVariables", ["A", "nowhere"]), ("SetVariables", ["B"])]
    asked = gateway.sent[0][1]["getVariableData"][0]
    assert asked["variable"] == {"name": "ItemsPerMessage", "instance": "SetVariables"}


async def test_what_was_read_and_set_is_in_the_stored_device_model(api, gateway, connected):
    Station(gateway)
    await get(api, connected, ["A", "nowhere"])
    await api.post(f"/stations/{connected}/variables/set", json={"variables": [element("B", "new")]})
    items = (await api.get(f"/stations/{connected}/variables")).json()["items"]
    assert {item["variable"]["name"]: item["value"] for item in items} == {"A": "1", "B": "new"}
    assert items[0]["component"] == {"name": "Ctrlr"}
    assert items[0]["attribute_type"] == "Actual"


async def test_nothing_is_sent_if_one_element_is_wrong(api, gateway, connected, pointers):
    Station(gateway, items=1)
    path = f"/stations/{connected}/variables"
    duplicate = await api.post(f"{path}/set", json={"variables": [element("A", "1"), element("a", "2")]})
    assert duplicate.status_code == 422
    assert pointers(duplicate) == ["/variables/1"]
    wrong = await api.post(f"{path}/get", json={"variables": [element("A"), element("B", attributeType="Best")]})
    assert wrong.status_code == 422
    assert pointers(wrong) == ["/variables/1/attributeType"]
    for body in ({"variables": []}, {}, {"variables": "A"}):
        assert (await api.post(f"{path}/get", json=body)).status_code == 422
    assert gateway.commands == []


async def test_what_the_station_does_not_answer(api, gateway, connected):
    station = Station(gateway, items=1)
    answered = station.respond
    gateway.respond = lambda action, payload: answered(action, payload) if not station.calls else None
    answer = await get(api, connected, ["A", "B", "C"], timeout_s=0.1)
    assert answer.status_code == 504
    body = answer.json()
    assert body["outcome"] == "unknown"
    assert body["results"][0]["attributeValue"] == "1"
    assert body["results"][1:] == [None, None]


async def test_a_refused_message_is_an_error(api, gateway, connected):
    gateway.respond = lambda _action, _payload: "NotSupported"
    body = (await get(api, connected, ["A"])).json()
    assert (body["outcome"], body["results"]) == ("error", [None])
    assert body["calls"][0]["error"]["code"] == "NotSupported"


async def test_not_connected(api, gateway, station_id):
    await api.put(f"/stations/{station_id}", json={})
    for names in (["A"], NAMES):
        answer = await get(api, station_id, names)
        assert (answer.status_code, answer.json()["outcome"]) == (409, "not_connected")
    assert (await get(api, "nobody", ["A"])).status_code == 404
    assert gateway.commands == []


async def test_a_lost_connection_while_limits_are_asked(api, gateway, connected):
    gateway.respond = lambda _action, _payload: Outcome.OUTCOME_NOT_CONNECTED
    answer = await get(api, connected, NAMES)
    assert (answer.status_code, answer.json()["results"]) == (409, [None] * 5)
    assert len(gateway.commands) == 1


async def test_list_filters_and_pages(api, gateway, connected):
    Station(gateway)
    await get(api, connected, NAMES)
    path = f"/stations/{connected}/variables"
    first = (await api.get(path, params={"limit": 3})).json()
    second = (await api.get(path, params={"limit": 3, "cursor": first["next_cursor"]})).json()
    assert [item["variable"]["name"] for item in first["items"] + second["items"]] == NAMES
    only = (await api.get(path, params={"component": "CTRLR", "variable": "b"})).json()["items"]
    assert [item["variable"]["name"] for item in only] == ["B"]
    assert (await api.get(path, params={"component": "Other"})).json()["items"] == []
    assert (await api.get("/stations/nobody/variables")).status_code == 404


@pytest.mark.parametrize(
    "asked",
    [
        ("reports", {"component_criteria": ["Problem"]}),
        ("customer-information", {}),
        ("monitoring-reports", {}),
    ],
)
async def test_what_a_stations_version_has_not_is_refused_and_says_so(api, gateway, connected, eventually, asked):
    path, body = asked
    await gateway.connect(connected, "c2", protocol="ocpp1.6")

    async def shown():
        return (await api.get(f"/stations/{connected}")).json()["protocol"] == "ocpp1.6"

    await eventually(shown)
    answer = await api.post(f"/stations/{connected}/{path}", json=body)
    assert (answer.status_code, answer.json()["title"]) == (422, "Not in this version")
    assert "ocpp1.6" in answer.json()["detail"]
    assert gateway.sent == []
