"""Says what each service may do on Kafka, by the catalogue. `python -m csms_bus.acls` prints the ACLs."""

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from csms_bus.groups import GROUPS
from csms_bus.topics import CATALOGUE, DEAD_LETTERS

SERVICES = ("gateway", "auth", "transactions", "device-mgmt", "history")
ADMIN = "admin"
"""The user that runs `python -m csms_bus.admin`."""
BURIER = "device-mgmt"
"""The service that keeps dead letters, and publishes them again on the topics that they came from."""
DEFAULT_PREFIX = "csms-"


class Resource(StrEnum):
    """Kafka's resource types, as kafka-acls names its options."""

    TOPIC = "topic"
    GROUP = "group"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class Acl:
    """What one user may do with some resources. Each of the operations allows Describe, too."""

    who: str
    """A service, or `ADMIN`."""
    resource: Resource
    names: tuple[str, ...]
    operations: tuple[str, ...]


def acls() -> tuple[Acl, ...]:
    """Return all ACLs that are needed, and no others. A user that is not named may do nothing."""
    return tuple(acl for acl in (*_of_services(), *_of_the_admin()) if acl.names)


def _of_services() -> Iterator[Acl]:
    for service in SERVICES:
        written = tuple(topic.name for topic in CATALOGUE if service in topic.producers)
        read = tuple(topic.name for topic in CATALOGUE if service in topic.consumers)
        groups = tuple(group.name for group in GROUPS if group.service == service)
        # At its start a service checks that the topics take records as large as it may write.
        yield Acl(service, Resource.TOPIC, written, ("Write", "DescribeConfigs"))
        yield Acl(service, Resource.TOPIC, read, ("Read", "DescribeConfigs"))
        yield Acl(service, Resource.GROUP, groups, ("Read",))
        if service == BURIER:
            replayed = {topic.name for group in GROUPS for topic in group.topics} - {*written, DEAD_LETTERS.name}
            yield Acl(service, Resource.TOPIC, tuple(sorted(replayed)), ("Write", "DescribeConfigs"))


def _of_the_admin() -> Iterator[Acl]:
    everything = tuple(topic.name for topic in CATALOGUE)
    yield Acl(ADMIN, Resource.TOPIC, everything, ("Create", "Alter", "AlterConfigs", "DescribeConfigs"))


def command_lines(
    principals: Mapping[str, str], bootstrap: str, command_config: str | None = None, tool: str = "kafka-acls.sh"
) -> list[str]:
    """Return the calls of Kafka's own tool that make the ACLs. To make one that exists changes nothing."""
    access = ["--bootstrap-server", bootstrap, *(["--command-config", command_config] if command_config else [])]
    return [shlex.join([tool, *access, *arguments]) for arguments in _arguments(principals)]


def _arguments(principals: Mapping[str, str]) -> Iterator[list[str]]:
    for acl in acls():
        names = _each(f"--{acl.resource}", acl.names)
        yield ["--add", "--allow-principal", principals[acl.who], *_each("--operation", acl.operations), *names]


def _each(option: str, values: Iterable[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


def as_json(principals: Mapping[str, str]) -> Mapping[str, Sequence[Mapping[str, object]]]:
    """Return principal → ACLs, each as an entry of `acls` in a Strimzi KafkaUser."""
    found: dict[str, list[Mapping[str, object]]] = {}
    for acl in acls():
        found.setdefault(principals[acl.who], []).extend(
            {
                "resource": {"type": acl.resource.value, "name": name, "patternType": "literal"},
                "operations": list(acl.operations),
            }
            for name in acl.names
        )
    return found


def principals_of(prefix: str = DEFAULT_PREFIX, named: Sequence[str] = ()) -> dict[str, str]:
    """Return the user of each service: `User:<prefix><service>`, or as `named` says ("gateway=User:CN=gw").

    Raises ValueError when a name has another form or names no service.
    """
    found = {who: f"User:{prefix}{who}" for who in (*SERVICES, ADMIN)}
    for entry in named:
        who, equals, principal = entry.partition("=")
        if who not in found or not equals or ":" not in principal:
            raise ValueError(f"{entry}: want SERVICE=TYPE:NAME, with a service among {', '.join(found)}")
        found[who] = principal
    return found


class Form(StrEnum):
    """How the ACLs are printed."""

    COMMANDS = "commands"
    JSON = "json"


def main(
    form: Annotated[Form, typer.Option("--format", help="Calls of kafka-acls.sh, or JSON by principal.")] = (
        Form.COMMANDS
    ),
    prefix: Annotated[str, typer.Option(help="Before the service in the name of its user.")] = DEFAULT_PREFIX,
    principal: Annotated[
        list[str] | None, typer.Option(help="SERVICE=TYPE:NAME, for one whose name is another: gateway=User:CN=gw.")
    ] = None,
    bootstrap: Annotated[str, typer.Option(help="The brokers in the command lines.")] = "localhost:9092",
    command_config: Annotated[str | None, typer.Option(help="The client properties of the command lines.")] = None,
) -> None:
    """Print the ACLs of all services and of the admin job. Changes nothing itself."""
    try:
        principals = principals_of(prefix, principal or ())
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--principal") from error
    if form is Form.JSON:
        typer.echo(json.dumps(as_json(principals), indent=2))
        return
    for line in command_lines(principals, bootstrap, command_config):
        typer.echo(line)


if __name__ == "__main__":
    typer.run(main)
