"""The distributed system on one machine: Apache Kafka, PostgreSQL and the services as separate processes, without containers."""
