"""The bus between the services: ports, topics, Kafka and in-process buses, consumer runner, request and reply."""
