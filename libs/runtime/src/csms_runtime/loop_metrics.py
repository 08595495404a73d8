"""Metrics that are counted for each message, without locks: an inc of prometheus_client's takes a microsecond.

They are written by one thread only, that of the event loop; any may collect. The registry sees each as a collector.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector


class Tally:
    """One child of a `LoopCounter` or `LoopGauge`."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def inc(self, amount: int = 1) -> None:
        """Count; `amount` of a counter is 0 or more."""
        self.value += amount


class _Tallies(Collector):
    """What counters and gauges with labels have in common."""

    def __init__(self, name: str, documentation: str, labelnames: Sequence[str]) -> None:
        """The name of a counter ends with `_total`."""
        self._described = name, documentation, labelnames
        self._children: dict[tuple[str, ...], Tally] = {}
        REGISTRY.register(self)

    def labels(self, *values: str) -> Tally:
        """Return the child with these values, in the order of the names."""
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = Tally()
        return child

    def _values(self) -> dict[tuple[str, ...], float]:
        """Return all values; another thread may add a child meanwhile."""
        return {key: child.value for key, child in list(self._children.items())}


class LoopCounter(_Tallies):
    """A counter with labels."""

    def collect(self) -> Iterator[CounterMetricFamily]:
        """See prometheus_client."""
        name, documentation, labelnames = self._described
        family = CounterMetricFamily(name, documentation, labels=labelnames)
        for values, value in self._values().items():
            family.add_metric(values, value)
        yield family


class LoopGauge(_Tallies):
    """A gauge with labels. Its children are `Tally` too: `inc` takes negative numbers here."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """See prometheus_client."""
        yield _gauge(*self._described, self._values())


class ReplacedGauge(Collector):
    """A gauge whose values are told all at once, so that those that are gone do not stay."""

    def __init__(self, name: str, documentation: str, labelnames: Sequence[str]) -> None:
        self._described = name, documentation, labelnames
        self._values: Mapping[tuple[str, ...], float] = {}
        REGISTRY.register(self)

    def replace(self, values: Mapping[tuple[str, ...], float]) -> None:
        """Tell these from now on, by the labels' values in the order of the names."""
        self._values = dict(values)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """See prometheus_client."""
        yield _gauge(*self._described, self._values)


def _gauge(
    name: str, documentation: str, labelnames: Sequence[str], values: Mapping[tuple[str, ...], float]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, documentation, labels=labelnames)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


class Durations:
    """One child of a `LoopHistogram`."""

    __slots__ = ("_buckets", "counts", "sum")

    def __init__(self, buckets: Sequence[float]) -> None:
        self._buckets = buckets
        self.counts = [0] * (len(buckets) + 1)
        """By bucket, not cumulated; the last has what is above all of them."""
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count a duration."""
        self.counts[bisect_left(self._buckets, seconds)] += 1
        self.sum += seconds


class LoopHistogram(Collector):
    """A histogram with labels."""

    def __init__(self, name: str, documentation: str, labelnames: Sequence[str], buckets: Sequence[float]) -> None:
        """`buckets`: the upper bounds, in seconds, in rising order, without +Inf."""
        self._described = name, documentation, labelnames
        self._buckets = tuple(buckets)
        self._children: dict[tuple[str, ...], Durations] = {}
        REGISTRY.register(self)

    def labels(self, *values: str) -> Durations:
        """Return the child with these values, in the order of the names."""
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = Durations(self._buckets)
        return child

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """See prometheus_client."""
        name, documentation, labelnames = self._described
        family = HistogramMetricFamily(name, documentation, labels=labelnames)
        bounds = [*map(str, map(float, self._buckets)), "+Inf"]
        for values, child in list(self._children.items()):
            family.add_metric(values, list(zip(bounds, accumulate(child.counts), strict=True)), child.sum)
        yield family
