"""What `/metrics` answers: the families of a service, and no others, though the catalogue has those of all."""

import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from prometheus_client import REGISTRY, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from csms_runtime import metrics

_STORES = ("csms_db_", "csms_outbox_", "csms_consumer_")
"""Of the services that have a database and consumer groups."""
OWNED: Mapping[str, Sequence[str]] = {
    "gateway": ("csms_gateway_",),
    "auth": ("csms_auth_", *_STORES),
    "transactions": ("csms_transaction", "csms_meter_values", "csms_remote_requests", *_STORES),
    "device-mgmt": ("csms_devices_", "csms_fleet_", *_STORES),
    "history": ("csms_history_", *_STORES),
}
"""By service, how the names of the families begin that only some services have. All others are everybody's."""
_REVISION_FILE = Path(sys.prefix) / "csms-revision"
"""deploy/image/Dockerfile writes it."""
_SOMEBODYS = tuple(prefix for prefixes in OWNED.values() for prefix in prefixes)


def text(service: str | None) -> bytes:
    """Return the metrics of a service in Prometheus' text format; None: of all (standalone mode).

    Raises KeyError for an unknown service.
    """
    return generate_latest(REGISTRY if service is None else _Families(tuple(OWNED[service])))


def tell_build(program: str) -> None:
    """Tell in csms_build_info what this process is."""
    metrics.BUILD_INFO.labels(program, version("csms"), revision(), platform.python_version()).set(1)


def revision(file: Path = _REVISION_FILE) -> str:
    """Return of which commit the process was built; "unknown" outside of an image."""
    try:
        return file.read_text().strip() or "unknown"
    except FileNotFoundError:
        return "unknown"


class _Families(Collector):
    """The registry without the families of other services."""

    def __init__(self, own: tuple[str, ...]) -> None:
        self._own = own

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        for family in REGISTRY.collect():
            if family.name.startswith(self._own) or not family.name.startswith(_SOMEBODYS):
                yield family
