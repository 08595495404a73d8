"""For development only: local Kafka and PostgreSQL, a local cluster, the station simulator, fixtures."""
