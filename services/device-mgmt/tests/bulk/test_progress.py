from csms_device_mgmt.bulk.progress import BATCH, Rate, TargetStatus, counted, with_waiting


def test_a_slow_rate_lets_one_go_at_a_time():
    rate = Rate(2, now=0.0)
    assert rate.ready(0.0) == 1
    rate.take(1)
    assert (rate.ready(0.1), round(rate.wait_s, 3)) == (0, 0.4)
    assert rate.ready(0.5) == 1
    assert rate.ready(100.0) == 1  # what was not sent is not made up for


def test_over_a_second_no_more_than_the_rate_goes():
    rate, sent, now = Rate(100, now=0.0), 0, 0.0
    while now < 10:
        ready = rate.ready(now)
        rate.take(ready)
        sent += ready
        now += 0.1
    assert 990 <= sent <= 1001


def test_a_batch_is_the_most():
    rate = Rate(5000, now=0.0)
    assert rate.ready(60.0) == BATCH


def test_counts_move():
    counts = counted({}, (), [TargetStatus.OPEN, TargetStatus.OPEN, TargetStatus.REFUSED])
    assert counts == {"open": 2, "refused": 1}
    counts = counted(counts, [TargetStatus.OPEN] * 2, ["result", "timeout"])
    assert counts == {"refused": 1, "result": 1, "timeout": 1}
    shown = with_waiting(counts, 10)
    assert (shown["waiting"], shown["open"], sum(shown.values())) == (7, 0, 10)
