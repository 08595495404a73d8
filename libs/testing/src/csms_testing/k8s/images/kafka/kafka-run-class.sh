#!/bin/bash
# Runs a class of Kafka's, with the variables that Kafka's own script takes.
# shellcheck disable=SC2086  # options are words
exec java ${KAFKA_HEAP_OPTS:--Xms128m -Xmx512m} ${KAFKA_JVM_PERFORMANCE_OPTS:--XX:+UseSerialGC} \
    -Djava.awt.headless=true -Dorg.slf4j.simpleLogger.defaultLogLevel=warn ${KAFKA_OPTS:-} \
    -cp '/opt/kafka/libs/*' "$@"
