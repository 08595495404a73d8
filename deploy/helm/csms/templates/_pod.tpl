{{- /*
The pod template of every workload and job: dict
  root
  component      the value of the label
  own            values of the service or job
  command        what is run
  env            dict of environment variables
  secrets        names of values.secrets that it is given
  kafka, database  whether it connects to them
  volumes        list of dict name, path, source: files that it is given
  slot, ports, probes, preStop, grace, restartPolicy  as far as the kind of pod has them
*/}}
{{- define "csms.pod" -}}
{{- $values := .root.Values }}
{{- $refs := (include "csms.secretRefs" . | fromJson).refs }}
{{- $volumes := .volumes | default list }}
{{- $layers := list (include "csms.settings.common" .root | fromJson) .env }}
{{- if .kafka }}
{{- $layers = append $layers (include "csms.settings.kafka" . | fromJson) }}
{{- with include "csms.kafkaCa" .root }}
{{- $volumes = append $volumes (dict "name" "kafka-ca" "source" (dict "secret" (dict "secretName" . "items" (list (dict "key" $values.kafka.caSecret.key "path" "ca.crt"))))) }}
{{- end }}
{{- with include "csms.kafkaClientCertificate" . }}
{{- $volumes = append $volumes (dict "name" "kafka-client" "source" (dict "secret" (dict "secretName" . "items" (list (dict "key" "tls.crt" "path" "tls.crt") (dict "key" "tls.key" "path" "tls.key"))))) }}
{{- end }}
{{- end }}
{{- if and .database $values.database.caSecret.name (not $values.trial.enabled) }}
{{- $volumes = append $volumes (dict "name" "database-ca" "source" (dict "secret" (dict "secretName" $values.database.caSecret.name "items" (list (dict "key" $values.database.caSecret.key "path" "ca.crt"))))) }}
{{- end }}
{{- if $refs }}
{{- $sources := list }}
{{- range $refs }}
{{- $sources = append $sources (dict "secret" (dict "name" .name "items" (list (dict "key" .key "path" .path)))) }}
{{- end }}
{{- $volumes = append $volumes (dict "name" "secrets" "source" (dict "projected" (dict "sources" $sources))) }}
{{- end }}
{{- /* A Secret of its own wins over a file that is for all. */}}
{{- $settings := $values.settings }}
{{- range $refs }}
{{- if .own }}
{{- $settings = omit $settings .env }}
{{- end }}
{{- end }}
{{- /* Later layers win, with false and 0, too. */}}
{{- $env := dict }}
{{- range append (append $layers $settings) (.own.settings | default dict) }}
{{- range $name, $value := . }}
{{- $_ := set $env $name $value }}
{{- end }}
{{- end }}
{{- $given := dict }}
{{- range $refs }}
{{- if hasKey $env .env }}
{{- fail (printf "settings.%s and secrets.%s.name are two places of one secret: clear one of them" .env (camelcase (snakecase .path) | untitle)) }}
{{- end }}
{{- $_ := set $given .env true }}
{{- end }}
{{- $needed := dict "secretKey" "CSMS_SECRET_KEY" "databaseUrl" "CSMS_DATABASE_URL" }}
{{- if and (not $values.trial.enabled) (contains "SASL" $values.kafka.securityProtocol) }}
{{- $_ := set $needed "kafkaPassword" "CSMS_KAFKA_SASL_PASSWORD" }}
{{- end }}
{{- range $what, $name := $needed }}
{{- $file := printf "%s_FILE" $name }}
{{- if and (has $what $.secrets) (not (or (hasKey $given $file) (hasKey $env $file))) }}
{{- fail (printf "secrets.%s.name: which Secret holds %s? (or settings.%s with a file of extraVolumes)" $what $name $file) }}
{{- end }}
{{- end }}
{{- range $name, $_ := $env }}
{{- if has $name (list "CSMS_SECRET_KEY" "CSMS_SECRET_KEY_OTHERS" "CSMS_ADMIN_API_KEY" "CSMS_DATABASE_URL" "CSMS_KAFKA_SASL_PASSWORD" "CSMS_PROXY_SECRET" "CSMS_PKI_PASSPHRASE" "CSMS_PKI_EST_PASSWORD") }}
{{- fail (printf "settings.%s: a secret belongs into a Secret; see `secrets`" $name) }}
{{- end }}
{{- end -}}
metadata:
  labels:
    {{- include "csms.labels" . | nindent 4 }}
    {{- with merge (dict) (.own.podLabels | default dict) $values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with merge (dict) (.own.podAnnotations | default dict) $values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "csms.fullname" .root }}-{{ .serviceAccount | default .component }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with .restartPolicy }}
  restartPolicy: {{ . }}
  {{- end }}
  {{- with .grace }}
  terminationGracePeriodSeconds: {{ . }}
  {{- end }}
  {{- with .own.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
  {{- with $values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  {{- with $values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .own.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .probes }}
  topologySpreadConstraints:
    {{- include "csms.spread" . | nindent 4 }}
  {{- end }}
  {{- if $values.trial.enabled }}
  {{- include "csms.waitForStores" . | nindent 2 }}
  {{- end }}
  containers:
    - name: {{ .container | default .component }}
      image: {{ include "csms.image" .root }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      command: {{ toJson .command }}
      env:
        {{- if .slot }}
        - name: CSMS_SLOT
          valueFrom: {fieldRef: {fieldPath: "metadata.labels['apps.kubernetes.io/pod-index']"}}
        {{- end }}
        {{- range $refs }}
        - name: {{ .env }}
          value: /etc/csms/secrets/{{ .path }}
        {{- end }}
        {{- range $name, $value := $env }}
        - name: {{ $name }}
          value: {{ ternary $value (toJson $value) (kindIs "string" $value) | quote }}
        {{- end }}
        {{- with concat $values.extraEnv (.own.extraEnv | default list) }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .ports }}
      ports:
        {{- range . }}
        - {name: {{ .name }}, containerPort: {{ .port }}, protocol: TCP}
        {{- end }}
      {{- end }}
      {{- if .probes }}
      {{- /* Its database and Kafka are asked first. */}}
      startupProbe:
        httpGet: {path: /healthz, port: management}
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: 150
      livenessProbe:
        httpGet: {path: /healthz, port: management}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /readyz, port: management}
        periodSeconds: 3
        timeoutSeconds: 3
        failureThreshold: 2
      {{- end }}
      {{- with .preStop }}
      lifecycle:
        preStop:
          sleep: {seconds: {{ . }}}
      {{- end }}
      resources:
        {{- toYaml .resources | nindent 8 }}
      {{- include "csms.containerRights" . | nindent 6 }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        {{- range $volumes }}
        - {name: {{ .name }}, mountPath: /etc/csms/{{ .path | default .name }}, readOnly: true}
        {{- end }}
        {{- with concat $values.extraVolumeMounts (.own.extraVolumeMounts | default list) }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: tmp
      emptyDir: {sizeLimit: 64Mi}
    {{- range $volumes }}
    - name: {{ .name }}
      {{- /* Read by the pod's group; the keys are nobody else's. */}}
      {{- range $kind, $source := .source }}
      {{ $kind }}:
        defaultMode: 0440
        {{- toYaml $source | nindent 8 }}
      {{- end }}
    {{- end }}
    {{- with concat $values.extraVolumes (.own.extraVolumes | default list) }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{- /* dict root, component: the workload's pods are spread among themselves, as one that has no labelSelector must mean. */}}
{{- define "csms.spread" -}}
{{- $constraints := .root.Values.topologySpreadConstraints }}
{{- if not $constraints }}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
{{- $constraints = append $constraints (dict "topologyKey" . "maxSkew" 1 "whenUnsatisfiable" "ScheduleAnyway") }}
{{- end }}
{{- end }}
{{- $made := list }}
{{- range $constraints }}
{{- $own := dict "labelSelector" (dict "matchLabels" (include "csms.selectorLabels" $ | fromYaml)) }}
{{- $made = append $made (hasKey . "labelSelector" | ternary . (merge $own .)) }}
{{- end }}
{{- toYaml $made }}
{{- end }}

{{- define "csms.containerRights" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  privileged: false
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- /*
A trial's Kafka and PostgreSQL are installed with what needs them, and their images may take minutes: dict as for csms.pod. Elsewhere a store that is
away is told by whom it concerns.
*/}}
{{- define "csms.waitForStores" -}}
{{- $stores := list }}
{{- if .kafka }}{{ $stores = append $stores (printf "%s-kafka:9092" (include "csms.fullname" .root)) }}{{ end }}
{{- if .database }}{{ $stores = append $stores (printf "%s-postgresql:5432" (include "csms.fullname" .root)) }}{{ end -}}
initContainers:
  - name: wait
    image: {{ include "csms.image" .root }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    command:
      - python
      - -c
      - |
        import socket, sys, time
        for store in sys.argv[1:]:
            host, port = store.split(":")
            while True:
                try:
                    socket.create_connection((host, int(port)), 3).close()
                    break
                except OSError as error:
                    print(f"waiting for {store}: {error}", flush=True)
                    time.sleep(2)
      {{- range $stores }}
      - {{ . }}
      {{- end }}
    resources:
      {{- toYaml .resources | nindent 6 }}
    {{- include "csms.containerRights" . | nindent 4 }}
{{- end }}
