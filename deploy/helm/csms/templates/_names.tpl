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
{{- if eq . "auth" }}Deployment{{ else }}StatefulSet{{ end }}
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
{{- if and .Values.gateway.ingress.enabled (not .Values.gateway.plain.enabled) }}
{{- fail "gateway.ingress.enabled needs gateway.plain.enabled: the proxy ends TLS" }}
{{- end }}
{{- $proxySecret := .Values.gateway.secrets.proxySecret | default .Values.secrets.proxySecret }}
{{- $hasProxySecret := or $proxySecret.name .Values.gateway.settings.CSMS_PROXY_SECRET_FILE .Values.settings.CSMS_PROXY_SECRET_FILE }}
{{- if and .Values.gateway.trustedProxies .Values.gateway.plain.enabled (not $hasProxySecret) }}
{{- fail "gateway.trustedProxies with gateway.plain.enabled: an address alone proves nothing, set secrets.proxySecret" }}
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
{{- end }}
