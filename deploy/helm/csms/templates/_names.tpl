{{- define "csms.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "csms.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "csms.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "csms.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- /* The labels that say whose pod it is: dict root, component. */}}
{{- define "csms.selectorLabels" -}}
app.kubernetes.io/name: {{ include "csms.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- /* All labels of an object: dict root, component. */}}
{{- define "csms.labels" -}}
{{ include "csms.selectorLabels" . }}
app.kubernetes.io/part-of: csms
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* The key of a service in the values. */}}
{{- define "csms.key" -}}
{{- . | replace "device-mgmt" "deviceMgmt" }}
{{- end }}

{{- define "csms.module" -}}
csms_{{ . | replace "-" "_" }}
{{- end }}

{{- define "csms.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{- /* Which workload a service is: those that read an inbox partition of their own have a slot. */}}
{{- define "csms.kind" -}}
{{- if has . (list "auth" "history") }}Deployment{{ else }}StatefulSet{{ end }}
{{- end }}

{{- /* What contradicts itself ends the installation. */}}
{{- define "csms.checks" -}}
{{- if not (or .Values.gateway.tls.enabled .Values.gateway.plain.enabled) }}
{{- fail "gateway.tls.enabled or gateway.plain.enabled: stations need one of them" }}
{{- end }}
{{- if and .Values.gateway.tls.enabled (not .Values.gateway.tls.secrets) }}
{{- fail "gateway.tls.secrets: gateway.tls.enabled needs the name of a Secret with a server certificate" }}
{{- end }}
{{- with .Values.gateway.tls.certManager }}
{{- if and .enabled (not (and .issuerRef .dnsNames)) }}
{{- fail "gateway.tls.certManager needs issuerRef (who signs) and dnsNames (what stations connect to)" }}
{{- end }}
{{- end }}
{{- if and .Values.http.httpRoute.enabled (not .Values.http.httpRoute.parentRefs) }}
{{- fail "http.httpRoute.parentRefs: which Gateway?" }}
{{- end }}
{{- with .Values.gateway }}
{{- if and .ingress.enabled (not (ternary .tls.enabled .plain.enabled .ingress.toTls)) }}
{{- fail "gateway.ingress.enabled needs gateway.plain.enabled, or with toTls gateway.tls.enabled: where does the proxy go on to?" }}
{{- end }}
{{- end }}
{{- $proxySecret := .Values.gateway.secrets.proxySecret | default .Values.secrets.proxySecret }}
{{- $hasProxySecret := or $proxySecret.name .Values.gateway.settings.CSMS_PROXY_SECRET_FILE .Values.settings.CSMS_PROXY_SECRET_FILE }}
{{- if and .Values.gateway.trustedProxies (or .Values.gateway.plain.enabled .Values.gateway.ingress.enabled) (not $hasProxySecret) }}
{{- fail "gateway.trustedProxies before stations' ports: an address alone proves nothing, set secrets.proxySecret" }}
{{- end }}
{{- if and .Values.gateway.tls.enabled .Values.gateway.plain.enabled (eq (int .Values.gateway.service.tlsPort) (int .Values.gateway.service.plainPort)) }}
{{- fail "gateway.service: tlsPort and plainPort are the same port" }}
{{- end }}
{{- include "csms.checkSettings" . }}
{{- include "csms.checkGatewayKeys" . }}
{{- include "csms.checkPodLabels" . }}
{{- range $service := list "auth" "gateway" "transactions" "device-mgmt" "history" }}
{{- $scaling := (index $.Values (include "csms.key" $service)).autoscaling }}
{{- if and $scaling.enabled (gt (int $scaling.minReplicas) (int $scaling.maxReplicas)) }}
{{- fail (printf "%s.autoscaling: minReplicas is more than maxReplicas" (include "csms.key" $service)) }}
{{- end }}
{{- if hasKey $scaling (ternary "targetLag" "targetConnections" (eq $service "gateway")) }}
{{- fail (printf "%s.autoscaling: gateways have targetConnections, the others targetLag" (include "csms.key" $service)) }}
{{- end }}
{{- end }}
{{- range $service := list "gateway" "transactions" "device-mgmt" }}
{{- $own := index $.Values (include "csms.key" $service) }}
{{- $most := ternary $own.autoscaling.maxReplicas $own.replicas $own.autoscaling.enabled }}
{{- if gt (int $most) (int $.Values.topics.inboxPartitions) }}
{{- fail (printf "%s: %d pods need as many topics.inboxPartitions, which is %d" (include "csms.key" $service) (int $most) (int $.Values.topics.inboxPartitions)) }}
{{- end }}
{{- end }}
{{- if gt (int .Values.topics.minInsyncReplicas) (int .Values.topics.replicationFactor) }}
{{- fail "topics.minInsyncReplicas is more than topics.replicationFactor: nothing could be published" }}
{{- end }}
{{- if and .Values.topics.strict (gt (int .Values.topics.replicationFactor) 1) (eq (int .Values.topics.minInsyncReplicas) (int .Values.topics.replicationFactor)) }}
{{- fail "topics.strict: minInsyncReplicas must be less than replicationFactor, else no broker may be away" }}
{{- end }}
{{- end }}

{{- /* No way of the values leads a key that may do everything into a gateway. */}}
{{- define "csms.checkGatewayKeys" -}}
{{- $instead := "gateways are given digests only (docs/threat-model.md): secrets.apiKeys" }}
{{- if (.Values.gateway.secrets.adminApiKey | default dict).name }}
{{- fail (printf "gateway.secrets.adminApiKey: %s" $instead) }}
{{- end }}
{{- range $path, $settings := dict "settings" .Values.settings "gateway.settings" .Values.gateway.settings }}
{{- if hasKey $settings "CSMS_ADMIN_API_KEY_FILE" }}
{{- fail (printf "%s.CSMS_ADMIN_API_KEY_FILE reaches gateways; %s, or the settings of auth, transactions, deviceMgmt and history" $path $instead) }}
{{- end }}
{{- end }}
{{- range $path, $env := dict "extraEnv" .Values.extraEnv "gateway.extraEnv" .Values.gateway.extraEnv }}
{{- range $env }}
{{- if has .name (list "CSMS_ADMIN_API_KEY" "CSMS_ADMIN_API_KEY_FILE") }}
{{- fail (printf "%s: %s reaches gateways; %s, or extraEnv of auth, transactions, deviceMgmt and history" $path .name $instead) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Labels of the chart's own are what selectors, network policies and alerts go by. */}}
{{- define "csms.checkPodLabels" -}}
{{- $taken := include "csms.labels" (dict "root" . "component" "") | fromYaml }}
{{- $all := dict "podLabels" .Values.podLabels }}
{{- range list "auth" "gateway" "transactions" "deviceMgmt" "history" }}
{{- $_ := set $all (printf "%s.podLabels" .) (index $.Values .).podLabels }}
{{- end }}
{{- range $path, $labels := $all }}
{{- range $name, $_ := $labels }}
{{- if hasKey $taken $name }}
{{- fail (printf "%s: the label %s is the chart's" $path $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* `settings` name settings that there are, of their service, and none that values of the chart's own are for. */}}
{{- define "csms.checkSettings" -}}
{{- $known := .Files.Get "settings.json" | fromJson }}
{{- $services := list "auth" "device-mgmt" "gateway" "history" "transactions" }}
{{- $all := dict "settings" .Values.settings "topics.settings" .Values.topics.settings }}
{{- $names := list }}
{{- range $services }}
{{- $_ := set $all (printf "%s.settings" (include "csms.key" .)) (index $.Values (include "csms.key" .)).settings }}
{{- $names = concat $names (index $known .) }}
{{- end }}
{{- $_ := set $known "settings" $names }}
{{- $job := list "CSMS_LOG_FORMAT" }}
{{- range $names }}
{{- if hasPrefix "CSMS_KAFKA_" . }}
{{- $job = append $job . }}
{{- end }}
{{- end }}
{{- $_ := set $known "topics.settings" $job }}
{{- range $services }}
{{- $_ := set $known (printf "%s.settings" (include "csms.key" .)) (index $known .) }}
{{- end }}
{{- $elsewhere := dict
  "CSMS_SLOT" "is the pod's number" "CSMS_HTTP_PORT" "is the chart's" "CSMS_MANAGEMENT_PORT" "is the chart's"
  "CSMS_OCPP_PORT" "is the chart's" "CSMS_OCPP_TLS_PORT" "is the chart's" "CSMS_OCPP_PLAIN" "is gateway.plain.enabled"
  "CSMS_HTTP_HOST" "is listenAddress" "CSMS_MANAGEMENT_HOST" "is listenAddress" "CSMS_OCPP_HOST" "is listenAddress"
  "CSMS_TRUSTED_PROXIES" "is gateway.trustedProxies for gateways, http.trustedProxies for the others"
  "CSMS_DRAIN_DELAY_S" "is drainDelaySeconds" "CSMS_SHUTDOWN_TIMEOUT_S" "is shutdownTimeoutSeconds"
  "CSMS_DRAIN_CALLS_S" "is gateway.drainCallsSeconds" "CSMS_DRAIN_SPREAD_S" "is gateway.drainSpreadSeconds" }}
{{- range $path, $given := $all }}
{{- range $name, $_ := $given }}
{{- with index $elsewhere $name }}
{{- fail (printf "%s.%s: this %s" $path $name .) }}
{{- end }}
{{- if and (eq $name "CSMS_MAX_MESSAGE_BYTES") (ne $path "settings") }}
{{- fail (printf "%s.%s: one number for all services, and for the topics: settings.%s" $path $name $name) }}
{{- end }}
{{- if not (has $name (index $known $path)) }}
{{- fail (printf "%s.%s: there is no such setting (docs/configuration.md); what another version of the image knows can stand in extraEnv" $path $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
