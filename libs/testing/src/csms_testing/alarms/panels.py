"""Asks a Prometheus what each panel of the dashboards asks it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2

from csms_testing.alarms.prometheus import Prometheus

RARE = {
    "csms_bus_dead_letters": "nothing was poison",
    "csms_gateway_tls_handshakes": "stations of this load come without TLS",
    "csms_gateway_messages_refused": "stations send what is allowed",
    "csms_gateway_evicted": "no gateway is overloaded",
    "csms_gateway_connections_shed": "gateways are even",
}
"""Metrics that a well system does not have, by the beginning of their names, and why."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A query of a panel and what came of it."""

    board: str
    title: str
    expression: str
    series: int = 0
    error: str = ""

    @property
    def reason(self) -> str:
        """Why it may be empty; empty: it may not."""
        return next((why for name, why in RARE.items() if name in self.expression), "")


def panels(directory: Path, rate: str = "30s") -> Iterator[Panel]:
    """Read the queries of all dashboards; `rate` takes the place of their ranges, for a Prometheus that is young."""
    for path in sorted(directory.glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", ()):
                if target.get("datasource", panel.get("datasource", {})).get("type") == "prometheus":
                    asked = re.sub(r"\[\w+\]", f"[{rate}]", target["expr"].replace("$instance", ".*"))
                    yield Panel(path.name, panel["title"], asked)


async def ask(server: Prometheus, panel: Panel) -> Panel:
    """Return the panel with what Prometheus answers now."""
    try:
        found = await server.query(panel.expression)
    except httpx2.HTTPStatusError as error:
        return Panel(panel.board, panel.title, panel.expression, error=error.response.text)
    return Panel(panel.board, panel.title, panel.expression, series=len(found))
