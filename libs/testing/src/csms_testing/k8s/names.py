"""Names that the test, its images and the cluster share."""

IMAGE = "localhost/csms:dev"
KAFKA_IMAGE = "localhost/csms-trial-kafka:4.1.1"
POSTGRES_IMAGE = "localhost/csms-trial-postgres:15"

NODE_PORTS = {
    "ocpp": 30900,
    "ocpp-tls": 30943,
    "gateway": 30180,
    "auth": 30181,
    "transactions": 30182,
    "device-mgmt": 30183,
    "postgres": 30432,
}
"""Ports of the nodes, where everything is reached from outside."""

WORKLOADS = ("gateway", "auth", "transactions", "device-mgmt")
"""Values of the label app.kubernetes.io/component, and names of the services in the routes of the HTTP API."""
