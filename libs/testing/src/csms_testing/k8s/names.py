"""Names that the test, its images and the cluster share."""

IMAGE = "localhost/csms:dev"
KAFKA_IMAGE = "localhost/csms-trial-kafka:4.1.1"
POSTGRES_IMAGE = "localhost/csms-trial-postgres:15"
NGINX_IMAGE = "localhost/csms-trial-nginx:1.22"

NODE_PORTS = {
    "ocpp": 30900,
    "ocpp-tls": 30943,
    "api": 30180,
    "postgres": 30432,
}
"""Ports of the nodes, where everything is reached from outside."""

WORKLOADS = ("gateway", "auth", "transactions", "device-mgmt", "history")
"""Values of the label app.kubernetes.io/component of the services."""
ROUTER = "api"
"""Value of that label of the router before their HTTP API."""
