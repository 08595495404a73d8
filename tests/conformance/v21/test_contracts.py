"""OCPP 2.1, contract certificates of vehicles with ISO 15118-20."""

from base64 import b64encode

from csms_testing.contract_pool import contract_pool
from csms_testing.systems import CONTRACT_POOL_PORT

CONTRACTS = [b64encode(f"contract {number}".encode()).decode() for number in range(3)]


async def test_tc_m_100_csms(station, station_id):
    """The vehicle takes two of the three contracts, one after the other."""
    wanted = {
        "iso15118SchemaVersion": "urn:iso:std:iso:15118:-20:CommonMessages",
        "action": "Install",
        "exiRequest": b64encode(station_id.encode()).decode(),
        "maximumContractCertificateChains": 2,
        "prioritizedEMAIDs": ["DEABC1234567A"],
    }
    async with contract_pool(*CONTRACTS, port=CONTRACT_POOL_PORT) as pool:
        for number, remaining in ((0, 1), (1, 0)):
            told = {"status": "Accepted", "exiResponse": CONTRACTS[number], "remainingContracts": remaining}
            assert await station.call("Get15118EVCertificate", wanted) == told
        (question,) = pool.questions
        assert (question["station_id"], question["exi_request"]) == (station_id, wanted["exiRequest"])
        assert question["prioritized_emaids"] == wanted["prioritizedEMAIDs"]
        pool.answer = {"exi_responses": []}
        answer = await station.call("Get15118EVCertificate", wanted | {"exiRequest": "AAAA"})
        assert (answer["status"], answer["exiResponse"]) == ("Failed", "")
