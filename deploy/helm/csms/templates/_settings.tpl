{{- /* Environment variables by name, as JSON: what all pods have. */}}
{{- define "csms.settings.common" -}}
{{- dict "CSMS_LOG_FORMAT" "json" | toJson }}
{{- end }}

{{- /* dict root, own: how Kafka is reached. */}}
{{- define "csms.settings.kafka" -}}
{{- $kafka := .root.Values.kafka }}
{{- $env := dict }}
{{- if .root.Values.trial.enabled }}
{{- $_ := set $env "CSMS_KAFKA_BOOTSTRAP_SERVERS" (printf "%s-kafka:9092" (include "csms.fullname" .root)) }}
{{- else }}
{{- $_ := set $env "CSMS_KAFKA_BOOTSTRAP_SERVERS" (required "kafka.bootstrapServers: where is Kafka? (or trial.enabled=true for a try)" $kafka.bootstrapServers) }}
{{- $_ := set $env "CSMS_KAFKA_SECURITY_PROTOCOL" $kafka.securityProtocol }}
{{- if contains "SASL" $kafka.securityProtocol }}
{{- $_ := set $env "CSMS_KAFKA_SASL_MECHANISM" $kafka.saslMechanism }}
{{- $_ := set $env "CSMS_KAFKA_SASL_USERNAME" (required "kafka.username: who is the CSMS at Kafka? (kafka.securityProtocol has SASL)" (.own.kafkaUsername | default $kafka.username)) }}
{{- end }}
{{- if include "csms.kafkaCa" .root }}
{{- $_ := set $env "CSMS_KAFKA_CA_FILE" "/etc/csms/kafka-ca/ca.crt" }}
{{- end }}
{{- if include "csms.kafkaClientCertificate" . }}
{{- $_ := set $env "CSMS_KAFKA_CLIENT_CERTIFICATE" "/etc/csms/kafka-client/tls.crt" }}
{{- $_ := set $env "CSMS_KAFKA_CLIENT_KEY" "/etc/csms/kafka-client/tls.key" }}
{{- end }}
{{- end }}
{{- $env | toJson }}
{{- end }}

{{- define "csms.kafkaCa" -}}
{{- if and (not .Values.trial.enabled) (contains "SSL" .Values.kafka.securityProtocol) }}{{ .Values.kafka.caSecret.name }}{{ end }}
{{- end }}

{{- define "csms.kafkaClientCertificate" -}}
{{- if and (not .root.Values.trial.enabled) (contains "SSL" .root.Values.kafka.securityProtocol) }}
{{- .own.kafkaClientCertificateSecret | default .root.Values.kafka.clientCertificateSecret }}
{{- end }}
{{- end }}

{{- /* dict root, service, own: what each service has. */}}
{{- define "csms.settings.service" -}}
{{- $values := .root.Values }}
{{- $env := dict
  "CSMS_HTTP_HOST" $values.listenAddress "CSMS_HTTP_PORT" "8080"
  "CSMS_MANAGEMENT_HOST" $values.listenAddress "CSMS_MANAGEMENT_PORT" "8081"
  "CSMS_SHUTDOWN_TIMEOUT_S" (include "csms.shutdownSeconds" .) }}
{{- $proxies := ternary $values.gateway.trustedProxies $values.http.trustedProxies (eq .service "gateway") }}
{{- if $proxies }}
{{- $_ := set $env "CSMS_TRUSTED_PROXIES" (toJson $proxies) }}
{{- end }}
{{- if and (eq .service "auth") .own.pkiSecret }}
{{- $_ := set $env "CSMS_PKI_DIR" "/etc/csms/pki" }}
{{- end }}
{{- if $values.tracing.endpoint }}
{{- $_ := set $env "OTEL_EXPORTER_OTLP_ENDPOINT" $values.tracing.endpoint }}
{{- $_ := set $env "OTEL_TRACES_SAMPLER_ARG" (toString $values.tracing.ratio) }}
{{- end }}
{{- if eq .service "gateway" }}
{{- $env = merge $env (include "csms.settings.stations" .root | fromJson) }}
{{- end }}
{{- $env | toJson }}
{{- end }}

{{- /* The gateway's endpoints for stations. */}}
{{- define "csms.settings.stations" -}}
{{- $gateway := .Values.gateway }}
{{- $env := dict
  "CSMS_OCPP_HOST" .Values.listenAddress
  "CSMS_OCPP_PORT" "9000"
  "CSMS_OCPP_PLAIN" (toString $gateway.plain.enabled)
  "CSMS_DRAIN_DELAY_S" (toString .Values.drainDelaySeconds)
  "CSMS_DRAIN_CALLS_S" (toString $gateway.drainCallsSeconds)
  "CSMS_DRAIN_SPREAD_S" (toString $gateway.drainSpreadSeconds) }}
{{- if $gateway.tls.enabled }}
{{- $certificates := list }}
{{- range $number, $_ := $gateway.tls.secrets }}
{{- $certificates = append $certificates (dict "certificate" (printf "/etc/csms/tls-%d/tls.crt" $number) "key" (printf "/etc/csms/tls-%d/tls.key" $number)) }}
{{- end }}
{{- $_ := set $env "CSMS_OCPP_TLS_PORT" "9443" }}
{{- $_ := set $env "CSMS_OCPP_TLS_CERTIFICATES" (toJson $certificates) }}
{{- if $gateway.tls.clientCaSecret.name }}
{{- $_ := set $env "CSMS_OCPP_TLS_CLIENT_CAS" (toJson (list "/etc/csms/client-ca/ca.crt")) }}
{{- end }}
{{- if $gateway.tls.clientCrlSecret.name }}
{{- $_ := set $env "CSMS_OCPP_TLS_CLIENT_CRLS" (toJson (list "/etc/csms/client-crl/ca.crl")) }}
{{- end }}
{{- end }}
{{- $env | toJson }}
{{- end }}

{{- /*
dict root, service, own: CSMS_SHUTDOWN_TIMEOUT_S. In a gateway all of its drain must fit in: the delay, the spread, open calls, closing handshakes
(5 s, twice) and its last words (2 s). The delay is half of it at most.
*/}}
{{- define "csms.shutdownSeconds" -}}
{{- $needed := 0 }}
{{- if eq .service "gateway" }}
{{- $delay := int .root.Values.drainDelaySeconds }}
{{- $needed = max (add $delay (int .own.drainCallsSeconds) (int .own.drainSpreadSeconds) 12) (mul 2 $delay) }}
{{- end }}
{{- max (int .root.Values.shutdownTimeoutSeconds) $needed }}
{{- end }}

{{- /*
dict root, service, own: when the kubelet kills. After preStop the requests of the API end (25 s at most), then the service's work, then its connections.
A gateway has no preStop hook: its delay is part of its own drain.
*/}}
{{- define "csms.graceSeconds" -}}
{{- $shutdown := include "csms.shutdownSeconds" . | int }}
{{- if eq .service "gateway" }}
{{- add $shutdown 15 }}
{{- else }}
{{- add (int .root.Values.drainDelaySeconds) 25 $shutdown 10 }}
{{- end }}
{{- end }}
