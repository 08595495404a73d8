"""GET /fleet/summary."""

NOTHING = {"registered": 0, "connected": 0, "charging": 0, "faulted": 0, "refused": 0}


async def test_the_groups_are_shown(api):
    (await api.put("/sites/harbour", json={"name": "Harbour"})).raise_for_status()
    for name, body in (("A", {"site_id": "harbour"}), ("B", {"site_id": "harbour"}), ("C", {})):
        (await api.put(f"/stations/{name}", json=body)).raise_for_status()
    answer = (await api.get("/fleet/summary", params={"by": "site"})).raise_for_status().json()
    assert answer["total"] == {**NOTHING, "registered": 3}
    assert answer["items"] == [
        {"id": "harbour", "value": "harbour", "is_rest": False, **NOTHING, "registered": 2},
        {"id": "", "value": None, "is_rest": False, **NOTHING, "registered": 1},
    ]
    assert (await api.get("/fleet/summary", params={"by": "colour"})).status_code == 422


async def test_what_takes_too_long_is_no_answer(api, monkeypatch):
    monkeypatch.setattr("csms_device_mgmt.fleet.summary_routes.DEADLINE_S", 0)
    assert (await api.get("/fleet/summary")).status_code == 503
