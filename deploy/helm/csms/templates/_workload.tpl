{{- /* A service as a workload: dict root, service. */}}
{{- define "csms.workload" -}}
{{- $own := index .root.Values (include "csms.key" .service) }}
{{- $kind := include "csms.kind" .service }}
{{- $scope := dict "root" .root "service" .service "own" $own "component" .service }}
{{- $name := printf "%s-%s" (include "csms.fullname" .root) .service -}}
apiVersion: apps/v1
kind: {{ $kind }}
metadata:
  name: {{ $name }}
  labels:
    {{- include "csms.labels" $scope | nindent 4 }}
spec:
  {{- /* Of an autoscaled workload, as many as there are: a field that goes away would become 1 (Helm's merge). */}}
  {{- if not $own.autoscaling.enabled }}
  replicas: {{ $own.replicas }}
  {{- else if $live := lookup "apps/v1" $kind .root.Release.Namespace $name }}
  replicas: {{ $live.spec.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  minReadySeconds: {{ $own.minReadySeconds }}
  selector:
    matchLabels:
      {{- include "csms.selectorLabels" $scope | nindent 6 }}
  {{- if eq $kind "StatefulSet" }}
  serviceName: {{ $name }}-pods
  {{- /* The number of a pod is its slot. They do not wait for each other at the start; an upgrade replaces one at a time. */}}
  podManagementPolicy: Parallel
  updateStrategy:
    type: RollingUpdate
    {{- with $own.maxUnavailable }}
    rollingUpdate: {maxUnavailable: {{ . }}}
    {{- end }}
  {{- else }}
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
  {{- end }}
  template:
    {{- include "csms.pod" (merge $scope (dict
      "command" (list "python" "-m" (include "csms.module" .service) "serve")
      "env" (include "csms.settings.service" $scope | fromJson)
      "secrets" (include "csms.secretsOf" .service | fromJson).secrets
      "kafka" true
      "database" (ne .service "gateway")
      "volumes" (include "csms.volumesOf" $scope | fromJson).volumes
      "slot" (eq $kind "StatefulSet")
      "ports" (include "csms.portsOf" $scope | fromJson).ports
      "probes" true
      "preStop" (ternary 0 .root.Values.drainDelaySeconds (eq .service "gateway"))
      "grace" (include "csms.graceSeconds" $scope)
      "resources" $own.resources)) | nindent 4 }}
{{- end }}

{{- define "csms.portsOf" -}}
{{- $ports := list (dict "name" "http" "port" 8080) (dict "name" "management" "port" 8081) }}
{{- if eq .service "gateway" }}
{{- if .own.plain.enabled }}
{{- $ports = append $ports (dict "name" "ocpp" "port" 9000) }}
{{- end }}
{{- if .own.tls.enabled }}
{{- $ports = append $ports (dict "name" "ocpp-tls" "port" 9443) }}
{{- end }}
{{- end }}
{{- dict "ports" $ports | toJson }}
{{- end }}

{{- /* The files that only this service has. */}}
{{- define "csms.volumesOf" -}}
{{- $volumes := list }}
{{- if and (eq .service "gateway") .own.tls.enabled }}
{{- range $number, $name := .own.tls.secrets }}
{{- $volumes = append $volumes (dict "name" (printf "tls-%d" $number) "source" (dict "secret" (dict "secretName" $name "items" (list (dict "key" "tls.crt" "path" "tls.crt") (dict "key" "tls.key" "path" "tls.key"))))) }}
{{- end }}
{{- with .own.tls.clientCaSecret }}
{{- if .name }}
{{- $volumes = append $volumes (dict "name" "client-ca" "source" (dict "secret" (dict "secretName" .name "items" (list (dict "key" .key "path" "ca.crt"))))) }}
{{- end }}
{{- end }}
{{- with .own.tls.clientCrlSecret }}
{{- if .name }}
{{- $volumes = append $volumes (dict "name" "client-crl" "source" (dict "secret" (dict "secretName" .name "items" (list (dict "key" .key "path" "ca.crl"))))) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and (eq .service "auth") .own.pkiSecret }}
{{- $volumes = append $volumes (dict "name" "pki" "path" "pki/ca" "source" (dict "secret" (dict "secretName" .own.pkiSecret))) }}
{{- end }}
{{- dict "volumes" $volumes | toJson }}
{{- end }}
