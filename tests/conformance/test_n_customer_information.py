"""Block N, cases about customer information: assembled by requestId, seqNo and tbc, and shown."""

import pytest
from csms_testing.conformance.station import now
from csms_testing.conformance.tokens import id_token

NO_DATA = "no data found"


class Customers:
    """Asks what a station knows of a customer, tells it as the station, looks at what is shown."""

    def __init__(self, operator, station):
        self._operator, self._station = operator, station
        self._path = f"/stations/{station.station_id}/customer-information"

    async def ask(self, *, report, clear, answer="Accepted", request_id=21, **reference):
        request = {"requestId": request_id, "report": report, "clear": clear, **reference}
        async with self._operator.calling(self._station.station_id, "CustomerInformation", request) as pending:
            assert await self._station.reply("CustomerInformation", {"status": answer}) == request
        assert pending.response == {"status": answer}

    async def tell(self, data, seq_no=0, *, tbc=None, request_id=21):
        part = {"requestId": request_id, "seqNo": seq_no, "generatedAt": now(), "data": data}
        part |= {} if tbc is None else {"tbc": tbc}
        assert await self._station.call("NotifyCustomerInformation", part) == {}

    async def shown(self, request_id=21):
        shown = await self._operator.get(f"{self._path}/{request_id}")
        return shown["status"], shown["data"]


@pytest.fixture
def customers(operator, station):
    return Customers(operator, station)


@pytest.fixture
def customer(tokens):
    return {"idToken": id_token(tokens.valid)}


async def test_tc_n_27_csms(customers, customer):
    await customers.ask(report=True, clear=False, **customer)
    assert await customers.shown() == ("accepted", "")
    await customers.tell("name: A. Customer", 0, tbc=True)
    assert await customers.shown() == ("receiving", "name: A. Customer")
    await customers.tell(", sessions: 3", 1)
    assert await customers.shown() == ("complete", "name: A. Customer, sessions: 3")


async def test_tc_n_27_csms_repeated_and_missing_parts(customers, customer, operator, station_id):
    await customers.ask(report=True, clear=False, **customer)
    await customers.tell("c", 2, tbc=False)
    for _ in range(2):
        await customers.tell("a", 0, tbc=True)
    shown = await operator.get(f"/stations/{station_id}/customer-information/21")
    assert (shown["complete"], shown["parts"], shown["missing"], shown["data"]) == (False, 2, [1], "ac")
    await customers.tell("b", 1, tbc=True)
    assert await customers.shown() == ("complete", "abc")


@pytest.mark.parametrize("references", [{}, {"idToken": id_token("A1"), "customerIdentifier": "OpenChargeAlliance"}])
async def test_tc_n_27_csms_exactly_one_reference(operator, station, station_id, references):
    request = {"requestId": 1, "report": True, "clear": False, **references}
    async with operator.calling(station_id, "CustomerInformation", request) as pending:
        pass
    assert pending.http_status == 422
    assert "N09.FR.04" in pending.body["errors"][0]["detail"]
    await station.expect_nothing()


async def test_tc_n_28_csms(customers, customer):
    await customers.ask(report=True, clear=False, **customer)
    await customers.tell(NO_DATA)
    assert await customers.shown() == ("complete", NO_DATA)


async def test_tc_n_29_csms(customers, customer, station):
    await customers.ask(report=True, clear=False, answer="Rejected", **customer)
    assert await customers.shown() == ("rejected", "")
    await station.expect_nothing()


async def test_tc_n_30_csms(customers, customer):
    await customers.ask(report=True, clear=True, **customer)
    await customers.tell("name: A. Customer")
    assert await customers.shown() == ("complete", "name: A. Customer")


async def test_tc_n_31_csms(customers, customer):
    await customers.ask(report=True, clear=True, **customer)
    await customers.tell(NO_DATA)
    assert await customers.shown() == ("complete", NO_DATA)


async def test_tc_n_32_csms(customers, customer):
    await customers.ask(report=False, clear=True, **customer)
    await customers.tell("cleared")
    assert await customers.shown() == ("complete", "cleared")


async def test_tc_n_32_csms_neither_report_nor_clear(operator, station, station_id, customer):
    request = {"requestId": 1, "report": False, "clear": False, **customer}
    async with operator.calling(station_id, "CustomerInformation", request) as pending:
        pass
    assert (pending.http_status, pending.body["errors"][0]["pointer"]) == (422, "/report")
    await station.expect_nothing()


async def test_tc_n_62_csms(customers):
    await customers.ask(report=True, clear=True, customerIdentifier="OpenChargeAlliance")
    await customers.tell("name: A. Customer")
    assert await customers.shown() == ("complete", "name: A. Customer")
