"""What differs from the plan, in words. Reading it from Kafka: test_kafka_topics.py."""

from dataclasses import replace

import pytest
from csms_bus import kafka_topics
from csms_bus.kafka_state import Config, Partitions
from csms_bus.topic_check import differences, uneven
from csms_bus.topic_plan import Plan, changes, is_spread
from csms_bus.topics import API_KEYS, CALLS_DEVICES, CATALOGUE, EVENTS_GATEWAY, GATEWAY_INBOX, RESULTS, Topic

PLAN = Plan(partitions=24)
TOPICS = [CALLS_DEVICES, RESULTS, API_KEYS, GATEWAY_INBOX]


def as_planned(plan: Plan = PLAN) -> tuple[dict[str, Partitions], dict[str, Config]]:
    found = {topic.name: Partitions(plan.partitions_of(topic), plan.replication_factor) for topic in TOPICS}
    return found, {topic.name: Config(plan.config_of(topic), {}) for topic in TOPICS}


def told(name: str, plan: Plan = PLAN, found: Partitions | None = None, **config: str) -> list[str]:
    """What is said when one topic is otherwise than planned."""
    partitions, configs = as_planned()
    if found is not None:
        partitions[name] = found
    configs[name] = Config(configs[name].values | {key.replace("_", "."): value for key, value in config.items()}, {})
    return differences(TOPICS, plan, partitions, configs)


def test_nothing_is_said_when_all_is_as_planned() -> None:
    assert differences(TOPICS, PLAN, *as_planned()) == []


def test_more_than_planned_is_no_difference() -> None:
    more = replace(PLAN, partitions=48, replication_factor=5, inbox_partitions=64, max_message_bytes=8_000_000)
    assert differences(TOPICS, PLAN, *as_planned(more)) == []


@pytest.mark.parametrize(
    ("name", "found", "config", "said"),
    [
        ("gateway.inbox", Partitions(8, 3), {}, "gateway.inbox: has 8 partitions, 32 are wanted"),
        ("auth.api-keys", Partitions(1, 1), {}, "auth.api-keys: replication factor 1, 3 is wanted"),
        ("ocpp.results", None, {"min_insync_replicas": "1"}, "min.insync.replicas 1, 2 is wanted"),
        ("ocpp.results", None, {"min_insync_replicas": "3"}, "no broker may be away"),
        ("ocpp.results", None, {"min_insync_replicas": "4"}, "nothing can be written"),
        ("auth.api-keys", None, {"cleanup_policy": "delete"}, "cleanup.policy delete, compact is wanted"),
        ("ocpp.calls.devices", None, {"max_message_bytes": "1048588"}, "max.message.bytes 1048588, 4308992 is wanted"),
        ("ocpp.calls.devices", None, {"message_timestamp_type": "CreateTime"}, "LogAppendTime is wanted"),
    ],
)
def test_each_difference_is_named(name: str, found: Partitions | None, config: dict[str, str], said: str) -> None:
    lines = [line for line in told(name, found=found, **config) if said in line]
    assert len(lines) == 1
    assert lines[0].startswith(f"{name}: ")


def test_a_missing_topic_is_named() -> None:
    found, configs = as_planned()
    del found["ocpp.results"], configs["ocpp.results"]
    assert differences(TOPICS, PLAN, found, configs) == [
        "ocpp.results: is missing, or this user may not see it; csms_bus.admin creates it"
    ]


def test_a_configuration_that_may_not_be_seen_is_not_taken_for_well() -> None:
    found, _ = as_planned()
    assert len(differences(TOPICS, PLAN, found, {})) == len(TOPICS)


def test_topics_of_one_group_with_different_numbers_are_named() -> None:
    said = told("ocpp.results", found=Partitions(36, 3))
    assert len(said) == 1
    assert "different numbers of partitions: ocpp.results 36" in said[0] or "ocpp.calls.devices 24" in said[0]
    assert "--partitions 36" in said[0]


def test_without_a_number_the_existing_one_counts() -> None:
    anything = Plan()
    assert differences(TOPICS, anything, *as_planned()) == []
    assert anything.fitted(TOPICS, {"ocpp.results": 24}).partitions_of(CALLS_DEVICES) == 24
    assert anything.fitted(TOPICS, {"ocpp.results": 1}).partitions_of(CALLS_DEVICES) == 120  # the broker's own doing
    assert anything.fitted(TOPICS, {}).partitions_of(CALLS_DEVICES) == 120
    assert Plan(48).fitted(TOPICS, {"ocpp.results": 24}).partitions_of(RESULTS) == 48


def test_what_loses_or_refuses_records_is_mended_and_nothing_else() -> None:
    config = PLAN.config_of(CALLS_DEVICES)
    theirs = config | {"retention.ms": "1000", "min.insync.replicas": "1", "max.message.bytes": "9000000"}
    assert changes(CALLS_DEVICES, PLAN, theirs) == {}
    assert changes(CALLS_DEVICES, PLAN, config | {"max.message.bytes": "1"}) == {
        "max.message.bytes": config["max.message.bytes"]
    }
    by_the_broker = {"cleanup.policy": "delete", "message.timestamp.type": "CreateTime", "max.message.bytes": "9000000"}
    mended = changes(API_KEYS, PLAN, by_the_broker)
    assert (mended["cleanup.policy"], mended["message.timestamp.type"]) == ("compact", "LogAppendTime")
    assert "segment.ms" in mended
    assert "min.insync.replicas" not in mended


def counts(partitions: int = 12) -> dict[str, int]:
    return {topic.name: Plan(partitions).partitions_of(topic) for topic in CATALOGUE}


@pytest.mark.parametrize("service", ["gateway", "auth", "transactions", "device-mgmt", "history"])
def test_a_service_lacks_nothing_when_all_its_topics_are_there(service: str) -> None:
    own = {topic.name for topic in kafka_topics.of_service(service)}
    assert kafka_topics.lacking(service, 31, counts()) == []
    assert kafka_topics.lacking(service, 0, {name: count for name, count in counts().items() if name in own}) == []


def test_a_service_says_which_topics_are_missing_or_differ() -> None:
    found = counts() | {"ocpp.results": 24}
    del found["audit"]
    missing, differing = kafka_topics.lacking("transactions", 0, found)
    assert missing.endswith(": audit")
    assert "ocpp.results 24, all others 12" in differing


@pytest.mark.parametrize(
    ("service", "inbox"),
    [("gateway", "gateway.inbox"), ("transactions", "transactions.inbox"), ("device-mgmt", "devices.inbox")],
)
def test_a_slot_beyond_the_inbox_is_named(service: str, inbox: str) -> None:
    (lack,) = kafka_topics.lacking(service, 32, counts())
    assert lack.startswith(f"{inbox} has 32 partitions, CSMS_SLOT=32 needs 33")
    assert "--inbox-partitions 33" in lack


def test_who_has_no_inbox_may_have_any_slot() -> None:
    assert kafka_topics.lacking("auth", 1000, counts()) == []


def test_narrow_topics_are_named() -> None:
    (lack,) = kafka_topics.narrow([CALLS_DEVICES, RESULTS], {"ocpp.calls.devices": 1_048_588}, 4_194_304)
    assert lack.startswith("ocpp.calls.devices has max.message.bytes 1048588 and needs 4308992: CSMS_MAX_MESSAGE_BYTES")


def spread(topic: Topic) -> bool:
    return is_spread(topic)


def test_only_topics_keyed_by_the_station_must_have_the_same_number() -> None:
    assert spread(CALLS_DEVICES)
    assert not any(map(spread, (EVENTS_GATEWAY, GATEWAY_INBOX, API_KEYS)))
    assert uneven(CATALOGUE, counts()) == []
