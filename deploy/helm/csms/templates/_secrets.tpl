{{- /* The variable that names the file of each secret. */}}
{{- define "csms.secretVariables" -}}
{{- dict
  "secretKey" "CSMS_SECRET_KEY_FILE"
  "secretKeyOthers" "CSMS_SECRET_KEY_OTHERS_FILE"
  "adminApiKey" "CSMS_ADMIN_API_KEY_FILE"
  "apiKeys" "CSMS_API_KEYS_FILE"
  "databaseUrl" "CSMS_DATABASE_URL_FILE"
  "kafkaPassword" "CSMS_KAFKA_SASL_PASSWORD_FILE"
  "proxySecret" "CSMS_PROXY_SECRET_FILE"
  "pkiPassphrase" "CSMS_PKI_PASSPHRASE_FILE"
  "estPassword" "CSMS_PKI_EST_PASSWORD_FILE" | toJson }}
{{- end }}

{{- /*
Which secrets a pod is given, as a JSON list of {env, path, name, key, own}: dict root, own, secrets (names of values.secrets).
The services' own `secrets` win. In a trial they are made here.
*/}}
{{- define "csms.secretRefs" -}}
{{- $env := include "csms.secretVariables" . | fromJson }}
{{- $values := .root.Values }}
{{- $made := list "secretKey" "adminApiKey" "apiKeys" "databaseUrl" }}
{{- $refs := list }}
{{- range $what := .secrets }}
{{- $own := index ($.own.secrets | default dict) $what }}
{{- $ref := $own | default (index $values.secrets $what) }}
{{- if and $values.trial.enabled (eq $what "apiKeys") $ref.name }}
{{- /* Keys of one's own win. */}}
{{- else if and $values.trial.enabled (or (has $what $made) (eq $what "kafkaPassword")) }}
{{- $ref = dict "name" (ternary (printf "%s-trial" (include "csms.fullname" $.root)) "" (has $what $made)) "key" (kebabcase $what) }}
{{- else if and (eq $what "kafkaPassword") (not (contains "SASL" $values.kafka.securityProtocol)) }}
{{- $ref = dict "name" "" }}
{{- end }}
{{- if $ref.name }}
{{- $refs = append $refs (dict "env" (index $env $what) "path" (kebabcase $what) "own" (not (empty $own)) "name" $ref.name "key" (required (printf "secrets.%s.key: which key of the Secret %s?" $what $ref.name) $ref.key)) }}
{{- end }}
{{- end }}
{{- dict "refs" $refs | toJson }}
{{- end }}

{{- /* The secrets that a service is given. The table is in docs/configuration.md. */}}
{{- define "csms.secretsOf" -}}
{{- $secrets := list "secretKey" "secretKeyOthers" "apiKeys" "kafkaPassword" }}
{{- /* A gateway is what the internet reaches: one that was taken over must not find a key that commands stations, so it has digests only. */}}
{{- $secrets = concat $secrets (ternary (list "proxySecret") (list "adminApiKey" "databaseUrl") (eq . "gateway")) }}
{{- if eq . "auth" }}
{{- $secrets = concat $secrets (list "pkiPassphrase" "estPassword") }}
{{- end }}
{{- dict "secrets" $secrets | toJson }}
{{- end }}
