"""What the versions say is about messages that they have."""

import pytest
from csms_ocpp.schemas import load
from csms_ocpp.validation import permits_empty_response
from csms_ocpp.versions import BUILT, DEFAULT, VERSIONS, Protocol, Version

every_version = pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS)


def from_station(version: Version) -> set[str]:
    return {name for name, action in version.actions.items() if action.from_station}


def test_each_protocol_has_its_version() -> None:
    assert [version.protocol for version in VERSIONS.values()] == list(VERSIONS) == list(Protocol)
    assert set(DEFAULT) <= set(BUILT) <= set(Protocol)


def test_the_newest_version_is_wanted_most() -> None:
    assert list(DEFAULT) == [protocol for protocol in reversed(Protocol) if protocol in DEFAULT]


@every_version
def test_commands_are_followed_by_messages_of_stations(version: Version) -> None:
    for command, messages in version.follow_ups.items():
        assert version.actions[command].from_csms
        assert set(messages) <= from_station(version)


def words(version: Version, command: str) -> set[str]:
    """What the schema lets a trigger request."""
    schema = load(version.protocol, command, response=False)
    field = schema["properties"]["requestedMessage"]
    found: list[str] = (schema["definitions"][field["$ref"].rpartition("/")[2]] if "$ref" in field else field)["enum"]
    return set(found)


@every_version
def test_all_that_can_be_triggered_is_a_message_of_stations_or_translated(version: Version) -> None:
    for command, meanings in version.triggers.items():
        requested = words(version, command)
        assert set(meanings) <= requested
        assert requested - from_station(version) <= set(meanings)
        assert {message for messages in meanings.values() for message in messages} <= from_station(version)


@every_version
def test_events_with_tokens_could_be_answered_with_nothing(version: Version) -> None:
    for action in version.token_events:
        assert permits_empty_response(version.protocol, action)


@every_version
def test_every_correction_is_of_a_schema_that_there_is(version: Version) -> None:
    assert {name.removesuffix("Response").removesuffix("Request") for name in version.schema_corrections} <= set(
        version.actions
    )


def test_only_21_answers_an_answer_and_knows_more_types() -> None:
    assert {version.protocol: sorted(version.message_types) for version in VERSIONS.values()} == {
        Protocol.OCPP16: [2, 3, 4],
        Protocol.OCPP201: [2, 3, 4],
        Protocol.OCPP21: [2, 3, 4, 5, 6],
    }
    assert [version.protocol for version in VERSIONS.values() if version.refuses_results] == [Protocol.OCPP21]
