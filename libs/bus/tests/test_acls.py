import json
import shlex

import pytest
from csms_bus import acls, topics
from csms_bus.groups import GROUPS
from csms_bus.topics import CATALOGUE, DEAD_LETTERS
from typer import Typer
from typer.testing import CliRunner

CREDENTIALS = {"station_admission", "api_key", "call_order", "call_announcement", "authorization_request"}
"""Bodies by which credentials change, tokens are decided or stations commanded."""


def rights(who: str, operation: str) -> set[str]:
    return {name for acl in acls.acls() if acl.who == who and operation in acl.operations for name in acl.names}


@pytest.mark.parametrize("service", acls.SERVICES)
def test_a_service_may_do_what_the_catalogue_says(service: str) -> None:
    groups = {group.name for group in GROUPS if group.service == service}
    written = {topic.name for topic in CATALOGUE if service in topic.producers}
    if service == acls.BURIER:  # it replays dead letters
        written |= {topic.name for group in GROUPS for topic in group.topics if topic is not DEAD_LETTERS}
    assert rights(service, "Write") == written
    assert rights(service, "Read") == {topic.name for topic in CATALOGUE if service in topic.consumers} | groups
    assert not rights(service, "Create") | rights(service, "Alter") | rights(service, "AlterConfigs")


def test_a_gateway_commands_nobody_and_changes_no_credentials() -> None:
    written = {topic for topic in CATALOGUE if topic.name in rights("gateway", "Write")}
    assert not CREDENTIALS & {body for topic in written for body in topic.bodies}
    assert not [topic for topic in written if topic.key is topics.Key.SLOT]


def test_every_party_of_the_catalogue_has_acls() -> None:
    parties = {party for topic in CATALOGUE for party in (*topic.producers, *topic.consumers)}
    assert parties == set(acls.SERVICES)


def test_names_of_users_may_be_chosen() -> None:
    principals = acls.principals_of("prod-", ["gateway=User:CN=gw,O=Example"])
    assert principals["gateway"] == "User:CN=gw,O=Example"
    assert principals["auth"] == "User:prod-auth"
    line = acls.command_lines(principals, "kafka:9092", "admin.properties")[0]
    words = shlex.split(line)
    assert words[:5] == ["kafka-acls.sh", "--bootstrap-server", "kafka:9092", "--command-config", "admin.properties"]
    assert words[words.index("--allow-principal") + 1] == "User:CN=gw,O=Example"


@pytest.mark.parametrize("wrong", ["gateway", "gateway=gw", "nobody=User:x", "=User:x"])
def test_a_name_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="SERVICE=TYPE:NAME"):
        acls.principals_of(named=[wrong])


def test_the_program_prints_both_forms() -> None:
    cli = Typer()
    cli.command()(acls.main)
    printed = CliRunner().invoke(cli, ["--format", "json", "--prefix", "x-"])
    entries = json.loads(printed.stdout)
    assert set(entries) == {f"User:x-{who}" for who in (*acls.SERVICES, acls.ADMIN)}
    assert {
        "resource": {"type": "topic", "name": "auth.admissions", "patternType": "literal"},
        "operations": ["Write", "DescribeConfigs"],
    } in entries["User:x-device-mgmt"]
    lines = CliRunner().invoke(cli, ["--bootstrap", "k:1"]).stdout.splitlines()
    assert lines == acls.command_lines(acls.principals_of(), "k:1")
    refused = CliRunner().invoke(cli, ["--principal", "nobody=User:x"])
    assert refused.exit_code == 2
