import re

from csms_runtime import metrics
from prometheus_client import Counter
from prometheus_client.metrics import MetricWrapperBase

CATALOGUE = {name: value for name, value in vars(metrics).items() if isinstance(value, MetricWrapperBase)}


def test_names() -> None:
    assert CATALOGUE
    for constant, metric in CATALOGUE.items():
        described = metric.describe()[0]
        assert re.fullmatch(r"csms_[a-z0-9_]+", described.name), constant
        assert described.documentation, constant
        assert "station_id" not in metric._labelnames, constant


def test_counters_end_with_total() -> None:
    for constant, metric in CATALOGUE.items():
        if isinstance(metric, Counter):
            samples = {sample.name for family in metric.collect() for sample in family.samples}
            assert all(name.endswith(("_total", "_created")) for name in samples), constant
