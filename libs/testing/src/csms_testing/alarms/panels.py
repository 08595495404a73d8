"""Asks a Prometheus what each panel of the dashboards asks it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2

from csms_testing.alarms.prometheus import Prometheus

RARE = {
    "csms_component_healthy == 0": "all parts work",
    "csms_consumer_redeliveries_total": "no handler gives records back",
    "csms_consumer_unknown_bodies_total": "all services are of one version",
    "csms_consumer_answers_lost_total": "no answer is lost",
    "csms_consumer_commit_failures_total": "no partition moves",
    "csms_requests_unanswered_total": "all questions are answered",
    "csms_inbox_dropped_total": "no answer comes too late",
    "csms_db_unavailable_total": "PostgreSQL is there",
    "csms_outbox_set_aside_total": "all records can be published",
    "csms_gateway_tls_handshakes_total": "stations of this load come without TLS",
    "csms_auth_authority_expiry_timestamp_seconds": "there is no built-in authority",
    "csms_tls_files_read_total": "no TLS file was changed",
    "csms_db_old_rows_deleted_total": "no row is old",
    "csms_gateway_disconnects_total": "no station leaves",
    "csms_gateway_dead_peers_total": "no station is dead",
    "csms_gateway_session_notices_total": "stations keep to OCPP",
    "csms_gateway_records_lost_total": "Kafka is there",
    "csms_http_wrong_keys_total": "callers have right keys",
    "csms_audit_lost_total": "the audit log takes all",
    "csms_auth_certificates_total": "no station asks for a certificate",
    "csms_auth_status_questions_total": "no contract certificate is shown",
    "csms_remote_requests_total": "nobody starts or stops from afar",
    "csms_transactions_replies_dropped_total": "no answer about tokens comes too late",
    "csms_devices_not_kept_total": "stations keep to their limits",
    "csms_devices_history_gave_way_total": "stations keep to their limits",
    "csms_gateway_messages_not_logged_total": "the message log takes all",
    "csms_history_gave_way_total": "stations keep to their limits",
}
"""What a well system under this load does not have, and why."""


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
                    asked = re.sub(r"\$(instance|namespace)", ".*", re.sub(r"\[\w+\]", f"[{rate}]", target["expr"]))
                    yield Panel(path.name, panel["title"], asked)


async def ask(server: Prometheus, panel: Panel) -> Panel:
    """Return the panel with what Prometheus answers now."""
    try:
        found = await server.query(panel.expression)
    except httpx2.HTTPStatusError as error:
        return Panel(panel.board, panel.title, panel.expression, error=error.response.text)
    return Panel(panel.board, panel.title, panel.expression, series=len(found))
