"""Fixtures of conformance tests, and the record of what they found. Helpers: csms_testing.conformance."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from csms_testing.conformance import Connector, Operator, Station, Tokens
from csms_testing.conformance.states import booted
from csms_testing.systems import System

CASE = re.compile(r"test_(tc_(?:[a-z]_)?\d+(?:_\d+)?_csms)")
"""The id of a case in a test's name; one case may have several tests. Those of OCPP 1.6 have no letter of a block."""
OCPP_201, OCPP_21 = "ocpp2.0.1", "ocpp2.1"


# ---- Versions --------------------------------------------------------------------------------------------------------
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The cases of OCPP 2.0.1 are played by stations of 2.1, too."""
    is_201 = metafunc.definition.path.parent == Path(__file__).parent
    if is_201 and "protocols" in metafunc.fixturenames and CASE.match(metafunc.function.__name__):
        metafunc.parametrize("protocols", [OCPP_201, OCPP_21], indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Unless all is asked for, each test is played in 2.1 once, in one mode: what else differs is not the version."""
    if config.getoption("--conformance-all", default=False):
        return
    left_out, played, seen = [], [], set[str]()
    for item in items:
        mode, protocol = _parameters(item)
        if protocol != OCPP_21:
            played.append(item)
        elif mode == "distributed" or _name(item) in seen:
            left_out.append(item)
        else:
            seen.add(_name(item))
            played.append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = played


def _name(item: pytest.Item) -> str:
    """Return a test's name without its parameters."""
    return item.nodeid.partition("[")[0]


def _parameters(item: pytest.Item) -> tuple[str | None, str | None]:
    """Return the mode and the version of a test that has several."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    return params.get("system"), params.get("protocols")


# ---- Fixtures --------------------------------------------------------------------------------------------------------
@pytest.fixture
def protocols(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """What stations offer."""
    return (getattr(request, "param", OCPP_201),)


@pytest.fixture
async def operator(system: System) -> AsyncIterator[Operator]:
    async with system.client() as client:
        yield Operator(client)


@pytest.fixture
def station_id() -> str:
    """An identity nobody has created yet."""
    return f"CS-{uuid4().hex[:12]}"


@pytest.fixture
def password() -> str:
    return uuid4().hex


@pytest.fixture
async def tokens(operator: Operator) -> Tokens:
    """New tokens, stored."""
    made = Tokens.unique()
    await made.store(operator)
    return made


@pytest.fixture
async def connect(
    system: System, operator: Operator, station_id: str, password: str, protocols: tuple[str, ...]
) -> Connector:
    """Connects a station that the operator has created, with its password."""
    await operator.put_station(station_id, security_profile=1, password=password)
    return Connector(system.ocpp_urls, station_id, password, protocols)


@pytest.fixture
async def tls_connect(
    system: System, operator: Operator, station_id: str, password: str, protocols: tuple[str, ...]
) -> Connector:
    """Connects a station that the operator has created for security profile 2, with its password and TLS."""
    await operator.put_station(station_id, security_profile=2, password=password)
    return Connector(system.ocpp_tls_urls, station_id, password, protocols, context=system.pki.context())


@pytest.fixture
def serial_number(station_id: str) -> str:
    """Of the station, and not its identity."""
    return f"SN-{station_id.removeprefix('CS-')}"


@pytest.fixture
async def secured_connect(
    system: System, operator: Operator, station_id: str, serial_number: str, protocols: tuple[str, ...]
) -> Connector:
    """Connects a station that the operator has created for security profile 3, with its certificate."""
    await operator.put_station(station_id, security_profile=3, serial_number=serial_number)
    client = system.pki.client(serial_number)
    return Connector(system.ocpp_tls_urls, station_id, None, protocols, context=system.pki.context(client))


@pytest.fixture
async def station(connect: Connector) -> AsyncIterator[Station]:
    """A connected, accepted station with two EVSEs of one connector each (state Booted)."""
    async with connect() as connected:
        await booted(connected, evses=((1, 1), (2, 1)))
        yield connected


@pytest.fixture
def sends(operator, station, station_id):
    """The operator sends a message, the station gets exactly that and gives an answer, which is shown."""

    async def send(action, payload=None, /, *, answer="Accepted"):
        response = {"status": answer} if isinstance(answer, str) else answer
        async with operator.calling(station_id, action, payload) as pending:
            assert await station.reply(action, response) == (payload or {})
        assert pending.response == response

    return send


@pytest.fixture
def refused(operator, station, station_id):
    """The operator is told, by pointers, what is wrong with a message that is not sent."""

    async def ask(action, payload):
        async with operator.calling(station_id, action, payload) as pending:
            pass
        assert pending.http_status == 422
        await station.expect_nothing()
        return [error["pointer"] for error in pending.body["errors"]]

    return ask


# ---- Results ---------------------------------------------------------------------------------------------------------
def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--conformance-results", type=Path, help="write what each case came to, by mode, as JSON")
    parser.addoption("--conformance-all", action="store_true", help="play all cases of 2.0.1 in 2.1 in both modes")


class Results:
    """Collects one outcome per case and mode; the worst of a case's tests counts."""

    RANK = ("passed", "skipped", "failed")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._outcomes: dict[tuple[str, str], str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        key = getattr(report, "case_and_mode", None)
        if key is not None and (report.when == "call" or report.outcome != "passed"):
            key = tuple(key)
            self._outcomes[key] = max(self._outcomes.get(key, "passed"), report.outcome, key=self.RANK.index)

    def pytest_sessionfinish(self) -> None:
        rows = [{"id": case, "mode": mode, "outcome": kept} for (case, mode), kept in sorted(self._outcomes.items())]
        self._path.write_text(json.dumps(rows, indent=1) + "\n")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """The report says of which case it is: with several processes (`-n`) they are counted in another one."""
    report = yield
    case, (mode, protocol) = CASE.match(item.name), _parameters(item)
    if case and mode:
        report.case_and_mode = [case[1].upper(), f"{mode} {OCPP_21}" if protocol == OCPP_21 else mode]
    return report


def pytest_configure(config: pytest.Config) -> None:
    path = config.getoption("--conformance-results", default=None)  # absent when pytest met this file late
    if path is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Results(path), "conformance-results")
