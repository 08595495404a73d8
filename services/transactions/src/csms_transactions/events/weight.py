"""How much work readings make, in the bytes that `csms_runtime.heavy` goes by."""

from collections.abc import Collection

from csms_transactions.domain.readings import Reading

VALUE_BYTES = 160
"""To fold a value takes about as long as what else is done with so many bytes: 12 microseconds."""
FEW = 10
"""Fewer readings of an event are not counted: a batch of usual events is no heavy work."""


def weight(readings: Collection[Reading]) -> int:
    """Return 0 for few readings."""
    return VALUE_BYTES * sum(len(reading.values) for reading in readings) if len(readings) >= FEW else 0
