"""The bus between the services: ports, topic catalogue, Kafka and in-process implementations, consumer runner, request and reply."""
