import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from csms.v1.bus_pb2 import Record
from csms_bus import topics
from csms_bus.examples import example
from csms_bus.groups import GROUPS
from csms_bus.topic_plan import Plan
from csms_bus.topics_page import page
from csms_ocpp.validation import validate_request
from csms_ocpp.versions import Protocol

ROOT = Path(__file__).resolve().parents[3]
BODIES = [(topic.name, body) for topic in topics.CATALOGUE for body in topic.bodies]


def test_documentation_is_up_to_date() -> None:
    assert (ROOT / "docs" / "topics.md").read_text() == page()


@pytest.mark.parametrize(("topic", "body"), BODIES)
def test_example_is_what_it_says_and_survives_the_wire(topic: str, body: str) -> None:
    record = example(topic, body)
    assert record.WhichOneof("body") == body
    assert Record.FromString(record.SerializeToString()) == record


@pytest.mark.parametrize("topic", [topics.CALLS_AUTH, topics.CALLS_TRANSACTIONS, topics.CALLS_DEVICES])
def test_example_call_is_valid_ocpp(topic: topics.Topic) -> None:
    call = example(topic.name, "station_call").station_call
    assert validate_request(Protocol(call.protocol), call.action, orjson.loads(call.payload)) is None


def test_every_body_of_the_envelope_is_on_some_topic() -> None:
    bodies = Record.DESCRIPTOR.oneofs_by_name["body"].fields
    fields = {field.name for field in bodies if not field.GetOptions().deprecated}
    assert {body for _, body in BODIES} | {"sealed"} == fields  # which stands for any of the others


def test_examples_are_copies() -> None:
    example("gateway.inbox", "reply").reply.correlation_id = "changed"
    assert example("gateway.inbox", "reply").reply.correlation_id != "changed"


def test_program_checks_a_file(tmp_path: Path) -> None:
    stale = tmp_path / "topics.md"
    stale.write_text("old")
    done = subprocess.run(  # noqa: S603 fixed program
        [sys.executable, "-m", "csms_bus.topics", "--check", str(stale)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "out of date" in done.stderr


def test_topics_keyed_by_station_are_spread_over_equally_many_partitions() -> None:
    spread = [topic for topic in topics.CATALOGUE if topic.key is topics.Key.STATION and topic.partitions > 1]
    assert len({topic.partitions for topic in spread}) == 1
    plan = Plan(partitions=48)
    assert {plan.partitions_of(topic) for topic in spread} == {48}
    assert plan.partitions_of(topics.GATEWAY_INBOX) == topics.GATEWAY_INBOX.partitions
    assert plan.partitions_of(topics.DEAD_LETTERS) == 1


def test_what_gateways_write_is_written_by_nobody_else() -> None:
    shared = {topic.name for topic in topics.CATALOGUE if "gateway" in topic.producers and len(topic.producers) > 1}
    assert shared == {"ocpp.results"}  # device-mgmt tells there what never reached a gateway


def test_groups_read_what_the_catalogue_says() -> None:
    for group in GROUPS:
        assert all(group.service in topic.consumers for topic in group.topics), group
        spread = [topic for topic in group.topics if topic.key is topics.Key.STATION]
        assert len({topic.partitions for topic in spread}) <= 1, group
    assert len({group.name for group in GROUPS}) == len(GROUPS)


def test_compacted_topics_have_no_retention() -> None:
    config = Plan().config_of(topics.API_KEYS)
    assert config["cleanup.policy"] == "compact"
    assert "retention.ms" not in config


def test_retention_is_as_the_catalogue_says() -> None:
    assert Plan().config_of(topics.CALLS_DEVICES)["retention.ms"] == str(7 * 24 * 3600 * 1000)
    assert Plan().config_of(topics.GATEWAY_INBOX)["segment.ms"] == str(600 * 1000)


@pytest.mark.parametrize(("replicas", "expected"), [(1, "1"), (2, "1"), (3, "2"), (5, "2")])
def test_one_broker_of_three_may_be_away(replicas: int, expected: str) -> None:
    plan = Plan(replication_factor=replicas)
    assert plan.config_of(topics.CALLS_DEVICES)["min.insync.replicas"] == expected
    chosen = Plan(replication_factor=replicas, min_insync_replicas=1)
    assert chosen.config_of(topics.CALLS_DEVICES)["min.insync.replicas"] == "1"


def test_records_survive_the_loss_of_a_broker_by_default() -> None:
    assert (Plan().replication_factor, Plan().in_sync) == (3, 2)


def test_dead_letter_of_the_largest_record_fits() -> None:
    others = [topic for topic in topics.CATALOGUE if topic is not topics.DEAD_LETTERS]
    for message_bytes in (1024, 4_000_000):
        largest = max(topic.max_record_bytes(message_bytes) for topic in others)
        assert topics.DEAD_LETTERS.max_record_bytes(message_bytes) > largest + 1000


def test_message_of_the_largest_size_fits_into_a_record_with_its_envelope() -> None:
    assert topics.CALLS_TRANSACTIONS.max_record_bytes(4_194_304) > 4_194_304 + 10_000
    assert topics.RESULTS.max_record_bytes(4_194_304) > 2 * 4_194_304 + 10_000


def test_inboxes_can_have_as_many_partitions_as_there_are_gateways() -> None:
    assert Plan(inbox_partitions=240).partitions_of(topics.GATEWAY_INBOX) == 240
    assert Plan(24).partitions_of(topics.GATEWAY_INBOX) == topics.GATEWAY_INBOX.partitions
    assert Plan(24, 240).partitions_of(topics.CALLS_DEVICES) == 24
