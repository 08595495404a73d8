import pytest
from csms_gateway.rate import TokenBucket


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
