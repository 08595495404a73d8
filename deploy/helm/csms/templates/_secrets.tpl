{{- /*
Which secrets a pod is given, as a JSON list of {env, path, name, key}: dict root, own, secrets (names of values.secrets).
The services' own `secrets` win. In a trial they are made here.
*/}}
{{- define "csms.secretRefs" -}}
{{- $env := dict
  "secretKey" "CSMS_SECRET_KEY_FILE"
  "secretKeyOthers" "CSMS_SECRET_KEY_OTHERS_FILE"
  "adminApiKey" "CSMS_ADMIN_API_KEY_FILE"
  "apiKeys" "CSMS_API_KEYS_FILE"
  "databaseUrl" "CSMS_DATABASE_URL_FILE"
  "kafkaPassword" "CSMS_KAFKA_SASL_PASSWORD_FILE"
  "proxySecret" "CSMS_PROXY_SECRET_FILE"
  "pkiPassphrase" "CSMS_PKI_PASSPHRASE_FILE"
  "estPassword" "CSMS_PKI_EST_PASSWORD_FILE" }}
{{- $values := .root.Values }}
{{- $made := list "secretKey" "adminApiKey" "databaseUrl" }}
{{- $refs := list }}
{{- range $what := .secrets }}
{{- $ref := index $values.secrets $what }}
{{- if and $.own.secrets (index $.own.secrets $what) }}
{{- $ref = index $.own.secrets $what }}
{{- end }}
{{- if and $values.trial.enabled (or (has $what $made) (eq $what "kafkaPassword")) }}
{{- $ref = dict "name" (ternary (printf "%s-trial" (include "csms.fullname" $.root)) "" (has $what $made)) "key" (kebabcase $what) }}
{{- else if and (eq $what "kafkaPassword") (not (contains "SASL" $values.kafka.securityProtocol)) }}
{{- $ref = dict "name" "" }}
{{- end }}
{{- if $ref.name }}
{{- $refs = append $refs (dict "env" (index $env $what) "path" (kebabcase $what) "name" $ref.name "key" (required (printf "secrets.%s.key: which key of the Secret %s?" $what $ref.name) $ref.key)) }}
{{- end }}
{{- end }}
{{- dict "refs" $refs | toJson }}
{{- end }}

{{- /* The secrets that a service is given. The table is in docs/configuration.md. */}}
{{- define "csms.secretsOf" -}}
{{- $secrets := list "secretKey" "secretKeyOthers" "adminApiKey" "apiKeys" "kafkaPassword" }}
{{- $secrets = append $secrets (ternary "proxySecret" "databaseUrl" (eq . "gateway")) }}
{{- if eq . "auth" }}
{{- $secrets = concat $secrets (list "pkiPassphrase" "estPassword") }}
{{- end }}
{{- dict "secrets" $secrets | toJson }}
{{- end }}
