"""The distributed system on one machine: Kafka, PostgreSQL and the services as processes, without containers."""
