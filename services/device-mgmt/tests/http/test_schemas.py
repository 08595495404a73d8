import pytest
from csms_ocpp.actions import ACTIONS


async def test_every_message_of_every_version_has_its_schemas(api):
    for protocol, actions in ACTIONS.items():
        for action in actions.values():
            for response in [False] if action.send_only else [False, True]:
                answer = await api.get(f"/schemas/{protocol.value}/{action.name}", params={"response": response})
                assert answer.status_code == 200, (action.name, answer.text)
                assert answer.json()["type"] == "object"
    assert answer.headers["content-type"] == "application/schema+json"


async def test_a_client_that_has_it_gets_nothing_again(api):
    first = await api.get("/schemas/ocpp2.0.1/Reset")
    etag = first.headers["etag"]
    assert first.json()["properties"]["type"]["$ref"] == "#/definitions/ResetEnumType"
    for header in (etag, f'"other", W/{etag}', "*"):
        again = await api.get("/schemas/ocpp2.0.1/Reset", headers={"If-None-Match": header})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    other = await api.get("/schemas/ocpp2.0.1/Reset?response=true", headers={"If-None-Match": etag})
    assert other.status_code == 200
    assert other.headers["etag"] != etag


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("ocpp3/Reset", "ocpp1.6"),
        ("ocpp2.0.1/reset", "Reset"),
        ("ocpp2.0.1/RemoteStartTransaction", "RequestStartTransaction"),
        ("ocpp1.6/..%2f..%2fpasswd", "RemoteStartTransaction"),
    ],
)
async def test_what_there_is_not_is_404_with_what_there_is(api, path, known):
    answer = await api.get(f"/schemas/{path}")
    assert answer.status_code == 404
    if "%2f" not in path:
        assert known in answer.json()["known"]


async def test_a_send_has_no_response(api):
    assert (await api.get("/schemas/ocpp2.1/NotifyPeriodicEventStream")).status_code == 200
    answer = await api.get("/schemas/ocpp2.1/NotifyPeriodicEventStream?response=true")
    assert (answer.status_code, answer.json()["title"]) == (404, "No response")
