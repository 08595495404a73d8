"""The names of all attributes that a span may have. None of them ever holds a payload, an idToken or a password.

Those of OpenTelemetry's semantic conventions keep their names.
"""

from typing import Final

STATION_ID: Final = "csms.station_id"
OUTCOME: Final = "csms.outcome"
REQUEST_ID: Final = "csms.request_id"
BATCH_RECORDS: Final = "csms.batch.records"
ORIGIN: Final = "csms.origin"
ACTION: Final = "ocpp.action"
MESSAGE_ID: Final = "ocpp.message_id"
VERSION: Final = "ocpp.version"
SECURITY_PROFILE: Final = "ocpp.security_profile"
BODY: Final = "csms.body"

DB_SYSTEM: Final = "db.system.name"
DB_NAMESPACE: Final = "db.namespace"
GROUP: Final = "messaging.consumer.group.name"
TOPIC: Final = "messaging.destination.name"
PARTITION: Final = "messaging.destination.partition.id"
OFFSET: Final = "messaging.kafka.offset"
METHOD: Final = "http.request.method"
ROUTE: Final = "http.route"
STATUS: Final = "http.response.status_code"
