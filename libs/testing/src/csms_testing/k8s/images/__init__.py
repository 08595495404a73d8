"""Images of Kafka and PostgreSQL for a cluster that reaches no registry."""
