"""OCPP 1.6, configuration keys: TC_019, TC_021, TC_040. They are variables of the component Configuration."""

import pytest

KEYS = [
    {"key": "SupportedFeatureProfiles", "readonly": True, "value": "Core,SmartCharging"},
    {"key": "MeterValueSampleInterval", "readonly": False, "value": "60"},
    {"key": "AuthorizationKey", "readonly": False},
]


def _shown(name, **more):
    return {"component": {"name": "Configuration"}, "variable": {"name": name}, **more}


async def test_tc_019_1_csms(operator, station, station_id):
    async with operator.posting(f"/stations/{station_id}/reports", {"report_base": "FullInventory"}) as pending:
        assert await station.reply("GetConfiguration", {"configurationKey": KEYS}) == {}
    assert pending.http_status == 202
    report = await operator.get(f"/stations/{station_id}/reports/{pending.body['request_id']}")
    assert (report["complete"], len(report["entries"])) == (True, 3)
    stored = await operator.items(f"/stations/{station_id}/variables")
    assert {item["variable"]["name"]: (item["value"], item["mutability"]) for item in stored} == {
        "AuthorizationKey": (None, "ReadWrite"),
        "MeterValueSampleInterval": ("60", "ReadWrite"),
        "SupportedFeatureProfiles": ("Core,SmartCharging", "ReadOnly"),
    }


async def test_tc_019_1_csms_as_a_call(operator, station, station_id):
    async with operator.calling(station_id, "GetConfiguration", {}) as pending:
        await station.reply("GetConfiguration", {"configurationKey": KEYS})
    assert pending.response["configurationKey"] == KEYS
    assert len(await operator.items(f"/stations/{station_id}/variables")) == len(KEYS)


async def test_tc_019_2_csms(operator, station, station_id):
    asked = {"variables": [{"variable": {"name": "SupportedFeatureProfiles"}}]}
    async with operator.posting(f"/stations/{station_id}/variables/get", asked) as pending:
        request = await station.reply("GetConfiguration", {"configurationKey": KEYS[:1]})
        assert request == {"key": ["SupportedFeatureProfiles"]}
    assert pending.body["results"] == [
        _shown("SupportedFeatureProfiles", attributeStatus="Accepted", attributeValue="Core,SmartCharging")
    ]


async def _change(operator, station, station_id, status, value="30"):
    wanted = {"variables": [_shown("MeterValueSampleInterval", attributeValue=value)]}
    async with operator.posting(f"/stations/{station_id}/variables/set", wanted) as pending:
        request = await station.reply("ChangeConfiguration", {"status": status})
        assert request == {"key": "MeterValueSampleInterval", "value": value}
    assert pending.body["results"] == [_shown("MeterValueSampleInterval", attributeStatus=status)]


@pytest.mark.parametrize("status", ["Accepted", "RebootRequired"])
async def test_tc_021_csms(operator, station, station_id, status):
    await _change(operator, station, station_id, status)


async def test_tc_040_1_csms(operator, station, station_id):
    await _change(operator, station, station_id, "NotSupported")
    assert await operator.items(f"/stations/{station_id}/variables") == []


async def test_tc_040_2_csms(operator, station, station_id):
    await _change(operator, station, station_id, "Rejected", "-1")
    assert await operator.items(f"/stations/{station_id}/variables") == []
