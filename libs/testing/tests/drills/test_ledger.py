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
