import time

from csms_testing.drills.ledger import WatchedLedger


def record(ledger, station_id, seq_no):
    info = {"transactionId": "T1"}
    payload = {"eventType": "Updated", "seqNo": seq_no, "timestamp": "2026-01-01T00:00:00Z", "transactionInfo": info}
    return ledger.record(station_id, payload)


def test_a_station_is_served_by_the_answer_to_an_event_that_happened_since():
    ledger = WatchedLedger()
    before = record(ledger, "CS1", 0)
    ledger.watch(time.monotonic())
    ledger.acknowledge(before, {})
    assert ledger.served == {}

    ledger.acknowledge(record(ledger, "CS1", 1), {})
    assert ledger.served.keys() == {"CS1"}


def test_the_first_answer_counts():
    ledger = WatchedLedger()
    ledger.watch(0.0)
    ledger.acknowledge(record(ledger, "CS1", 0), {})
    first = ledger.served["CS1"]
    ledger.acknowledge(record(ledger, "CS1", 1), {})
    assert ledger.served == {"CS1": first}


def test_watching_again_begins_anew():
    ledger = WatchedLedger()
    ledger.acknowledge(record(ledger, "CS1", 0), {})
    ledger.watch(time.monotonic())
    assert ledger.served == {}


def test_the_id_that_a_csms_gives_later_is_the_transactions():
    ledger = WatchedLedger()
    started = record(ledger, "CS1", 0)
    ledger.rename("CS1", "T1", "17")
    ledger.acknowledge(started, {})

    assert ledger.acknowledged_keys() == {("CS1", "17", 0)}
    assert ledger.transactions() == {("CS1", "17"): [0]}
    assert ledger.told.keys() == {("CS1", "17")}
    assert ledger.violations == []


def test_an_id_given_to_two_transactions_is_a_breach():
    ledger = WatchedLedger()
    record(ledger, "CS1", 0)
    record(ledger, "CS2", 0)
    ledger.rename("CS1", "T1", "17")
    ledger.rename("CS2", "T1", "17")

    assert ledger.violations == ["CS2: the CSMS gave two transactions the id 17"]
