from csms_runtime import metrics
from csms_runtime.loop_metrics import LoopCounter, LoopGauge, LoopHistogram, ReplacedGauge
from prometheus_client import REGISTRY


def test_what_was_counted_is_shown_by_label() -> None:
    counter = LoopCounter("csms_test_things_total", "Things", ["kind"])
    try:
        counter.labels("a").inc()
        counter.labels("a").inc(4)
        counter.labels("b").inc()
        assert REGISTRY.get_sample_value("csms_test_things_total", {"kind": "a"}) == 5
        assert REGISTRY.get_sample_value("csms_test_things_total", {"kind": "b"}) == 1
    finally:
        REGISTRY.unregister(counter)


def test_a_duration_is_in_its_bucket_and_in_those_above() -> None:
    histogram = LoopHistogram("csms_test_seconds", "Durations", ["topic"], buckets=(0.5, 1, 2))
    try:
        for seconds in (0.1, 1.0, 1.5, 99.0):
            histogram.labels("a").observe(seconds)
        buckets = {
            bound: REGISTRY.get_sample_value("csms_test_seconds_bucket", {"topic": "a", "le": bound})
            for bound in ("0.5", "1.0", "2.0", "+Inf")
        }
        assert buckets == {"0.5": 1, "1.0": 2, "2.0": 3, "+Inf": 4}
        assert REGISTRY.get_sample_value("csms_test_seconds_count", {"topic": "a"}) == 4
        assert REGISTRY.get_sample_value("csms_test_seconds_sum", {"topic": "a"}) == 101.6
    finally:
        REGISTRY.unregister(histogram)


def test_a_gauge_goes_up_and_down() -> None:
    gauge = LoopGauge("csms_test_open", "Open things", ["kind"])
    try:
        gauge.labels("a").inc(3)
        gauge.labels("a").inc(-1)
        assert REGISTRY.get_sample_value("csms_test_open", {"kind": "a"}) == 2
    finally:
        REGISTRY.unregister(gauge)


def test_values_that_are_replaced_do_not_stay() -> None:
    gauge = ReplacedGauge("csms_test_counted", "Counted things", ["kind"])
    try:
        gauge.replace({("a",): 1, ("b",): 2})
        gauge.replace({("b",): 3})
        assert REGISTRY.get_sample_value("csms_test_counted", {"kind": "a"}) is None
        assert REGISTRY.get_sample_value("csms_test_counted", {"kind": "b"}) == 3
    finally:
        REGISTRY.unregister(gauge)


def test_names() -> None:
    found = {
        name: value
        for name, value in vars(metrics).items()
        if isinstance(value, LoopCounter | LoopGauge | LoopHistogram | ReplacedGauge)
    }
    assert {"GATEWAY_BYTES", "BUS_PUBLISHED", "GATEWAY_ANSWER_SECONDS"} <= found.keys()
    for constant, metric in found.items():
        (family,) = metric.collect()
        assert family.name.startswith("csms_"), constant
        assert family.documentation, constant
        assert family.type in {"counter", "gauge", "histogram"}, constant
