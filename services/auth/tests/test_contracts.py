"""Contract certificates: what the pool has is passed on, one at a time, and a bad or slow pool harms nobody."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from csms_auth.contracts import asking
from csms_auth.contracts.asking import ContractAsker
from csms_auth.contracts.chains import KEEP, MOST_KEPT, MOST_OF_STATION, Chains, Contract
from csms_auth.contracts.pool import HttpPool, Wanted
from csms_auth.domain.key_codes import KeyCodes
from csms_auth.handlers import station_call
from csms_auth.handlers.turn import ContractAsked, Rules, Turn
from csms_ocpp.validation import validate_response
from csms_ocpp.versions import Protocol
from csms_runtime.secret_keys import SecretKeys
from csms_runtime.settings import UnknownStations
from csms_testing.contract_pool import ContractPool, contract_pool

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WANTED = Wanted("urn:iso:15118:2:2013:MsgDef", "Install", "AAAA")
REQUEST = {"iso15118SchemaVersion": "urn:iso:15118:2:2013:MsgDef", "action": "Install", "exiRequest": "AAAA"}
OF_20 = {**REQUEST, "maximumContractCertificateChains": 3}


@pytest.fixture
async def pool() -> AsyncIterator[ContractPool]:
    async with contract_pool("AAAB", "AAAC") as found:
        yield found


def _turn(records: Any, *, has_pool: bool = True) -> Turn:
    rules = Rules(UnknownStations.REJECT, has_contract_pool=has_pool)
    return Turn(rules, KeyCodes(SecretKeys(b"a key for tests only")), records.now_ms, {}, {})


def _asked(records: Any, request: dict[str, Any], protocol: str = "ocpp2.1") -> ContractAsked:
    turn = _turn(records)
    call = records.call("Get15118EVCertificate", request, protocol=protocol, deadline_ms=0)
    station_call.step(call, turn.now_ms).run(turn)
    (asked,) = turn.contract_questions
    assert asked.otherwise["status"] == "Failed"
    return asked


async def _told(pool: ContractPool, asked: ContractAsked, asker: ContractAsker | None = None) -> Any:
    asker = asker or ContractAsker(_nobody, HttpPool(pool.url))
    answer = await asker.response(asked)
    assert validate_response(Protocol(asked.record.station_call.protocol), "Get15118EVCertificate", answer) is None
    return answer


async def _nobody(_outgoing: object) -> None:
    """Publish nothing."""


@pytest.mark.parametrize("protocol", ["ocpp2.0.1", "ocpp2.1"])
async def test_a_vehicle_with_iso_15118_2_gets_one(records: Any, pool: ContractPool, protocol: str) -> None:
    assert await _told(pool, _asked(records, REQUEST, protocol)) == {"status": "Accepted", "exiResponse": "AAAB"}
    (question,) = pool.questions
    assert (question["exi_request"], question["maximum_contract_certificate_chains"]) == ("AAAA", None)


async def test_a_vehicle_with_iso_15118_20_gets_one_after_the_other(records: Any, pool: ContractPool) -> None:
    asker = ContractAsker(_nobody, HttpPool(pool.url))
    for exi_response, remaining in (("AAAB", 1), ("AAAC", 0), ("AAAB", 1)):
        told = {"status": "Accepted", "exiResponse": exi_response, "remainingContracts": remaining}
        assert await _told(pool, _asked(records, OF_20), asker) == told
    assert len(pool.questions) == 2


@pytest.mark.parametrize(
    "answer",
    [[], {}, {"exi_responses": []}, {"exi_responses": [""]}, {"exi_responses": "A"}, {"exi_responses": [1, None]},
     {"exi_responses": ["?"]}, {"exi_responses": ["A" * 20_000]}, "A" * 600_000],
)  # fmt: skip
async def test_what_makes_no_sense_fails(records: Any, pool: ContractPool, answer: Any) -> None:
    pool.answer = answer
    told = await _told(pool, _asked(records, OF_20))
    assert (told["status"], told["exiResponse"]) == ("Failed", "")


async def test_a_pool_that_refuses_is_silent_or_away_fails(
    records: Any, pool: ContractPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = _asked(records, REQUEST)
    pool.status = "503 Service Unavailable"
    assert (await _told(pool, asked))["status"] == "Failed"
    monkeypatch.setattr(asking, "TIMEOUT_S", 0.2)
    pool.silent = True
    assert "in time" in (await _told(pool, asked))["statusInfo"]["additionalInfo"]
    gone = ContractAsker(_nobody, HttpPool("http://127.0.0.1:1/"))
    assert (await _told(pool, asked, gone))["status"] == "Failed"


def test_without_a_pool_it_fails_at_once(records: Any) -> None:
    turn = _turn(records, has_pool=False)
    call = records.call("Get15118EVCertificate", REQUEST, protocol="ocpp2.1", deadline_ms=0)
    station_call.step(call, turn.now_ms).run(turn)
    answer = orjson.loads(turn.outgoing[-1].record.reply.payload)
    assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Failed", "NotEnabled")


def test_what_is_left_is_forgotten_and_bounded() -> None:
    chains, wanted = Chains(), WANTED._replace(most_contracts=5)
    assert chains.first("CS1", wanted, ["A", "B"], NOW) == Contract("A", 1)
    assert chains.next("CS2", wanted, NOW) is None
    assert chains.next("CS1", wanted, NOW + KEEP) is None
    for number in range(MOST_KEPT + 5):
        chains.first(f"CS{number}", wanted, ["A", "B"], NOW + timedelta(seconds=1))
    assert chains.next("CS0", wanted, NOW) is None
    assert chains.next(f"CS{MOST_KEPT}", wanted, NOW) == Contract("B", 0)


def test_what_is_left_of_one_station_pushes_out_its_own() -> None:
    chains, wanted = Chains(), WANTED._replace(most_contracts=5)
    chains.first("CS1", wanted, ["A", "B"], NOW)
    vehicles = [wanted._replace(exi_request=f"vehicle {number}") for number in range(MOST_KEPT + 5)]
    for vehicle in vehicles:
        chains.first("CS2", vehicle, ["A", "B"], NOW)
    assert chains.next("CS1", wanted, NOW) == Contract("B", 0)
    kept = [chains.next("CS2", vehicle, NOW) is not None for vehicle in vehicles]
    assert kept == [False] * (len(vehicles) - MOST_OF_STATION) + [True] * MOST_OF_STATION


def test_of_one_station_only_some_wait(records: Any, pool: ContractPool) -> None:
    asker, asked = ContractAsker(_nobody, HttpPool(pool.url)), _asked(records, REQUEST)
    assert [asker.take(asked) for _ in range(3)] == [True, True, False]
