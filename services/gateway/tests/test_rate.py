import pytest
from csms_gateway.rate import Buckets, TokenBucket, price_of


def test_a_burst_passes_without_waiting() -> None:
    bucket = TokenBucket(rate=10, burst=5, now=0.0)
    assert [bucket.take(0.0) for _ in range(5)] == [0.0] * 5


def test_after_the_burst_each_message_waits_for_its_token() -> None:
    bucket = TokenBucket(rate=10, burst=1, now=0.0)
    bucket.take(0.0)
    assert bucket.take(0.0) == pytest.approx(0.1)
    assert bucket.take(0.1) == pytest.approx(0.1)


def test_tokens_return_with_time_up_to_the_burst() -> None:
    bucket = TokenBucket(rate=10, burst=2, now=0.0)
    for _ in range(2):
        bucket.take(0.0)
    assert [bucket.take(100.0) for _ in range(3)] == [0.0, 0.0, pytest.approx(0.1)]


def test_a_message_costs_by_its_bytes_and_its_values() -> None:
    small = price_of(b'[2,"1","Heartbeat",{}]')
    assert 0.4 < small < 1.0
    assert price_of(b'"' + b"a" * 2**20 + b'"') > 200 * small
    assert price_of(b"[" + b"{}," * 2**18 + b"{}]") > 1000 * small


def test_a_debt_outlives_the_connection() -> None:
    buckets = Buckets(rate=10, burst=5, most=10)
    buckets.of("CS1", 0.0).take(0.0, 25)
    buckets.left("CS1", 0.0)
    assert buckets.owes("CS1", 0.0) == pytest.approx(2.0)
    assert buckets.of("CS1", 1.0).take(1.0, 0) == pytest.approx(1.0)
    buckets.left("CS1", 3.0)
    assert len(buckets) == 0
    assert buckets.owes("CS1", 3.0) == 0.0


def test_few_are_remembered_and_those_in_debt_the_longest() -> None:
    buckets = Buckets(rate=10, burst=5, most=10)
    for number in range(1000):
        buckets.of(f"CS{number}", 0.0)
        assert len(buckets) <= 10
    buckets.of("debtor", 0.0).take(0.0, 1000)
    for number in range(9):
        buckets.of(f"X{number}", 0.0)
    assert buckets.owes("debtor", 0.0) > 90
    for number in range(100):
        buckets.of(f"Y{number}", 0.0).take(0.0, 1000)
        assert len(buckets) <= 10
