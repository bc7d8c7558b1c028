{{/*
A pod of ours, with one container. Takes root, part, command and environment as YAML text, resources, and
where there are any: ports (name to number), probes as YAML text, preStop, certificates, restartPolicy.
*/}}
{{- define "apollo.pod" -}}
{{- $pods := .root.Values.pods }}
metadata:
  labels:
    {{- include "apollo.labels" . | nindent 4 }}
    {{- with $pods.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $pods.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ $pods.serviceAccountName }}
  automountServiceAccountToken: false
  # A service named apollo-api would otherwise be told as APOLLO_API_PORT.
  enableServiceLinks: false
  # A worker that stops waits up to 45 s for the provider's answer to a dial, and keeps it.
  terminationGracePeriodSeconds: 60
  {{- with .restartPolicy }}
  restartPolicy: {{ . }}
  {{- end }}
  {{- with .root.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    seccompProfile:
      type: RuntimeDefault
  {{- with $pods.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $pods.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $pods.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $pods.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "apollo.selector" . | nindent 10 }}
  containers:
    - name: {{ .part }}
      image: {{ .image | default (include "apollo.image" .root) }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      command:
        {{- .command | nindent 8 }}
      env:
        {{- .environment | trim | nindent 8 }}
      {{- with .ports }}
      ports:
        {{- range $name, $port := . }}
        - name: {{ $name }}
          containerPort: {{ $port }}
        {{- end }}
      {{- end }}
      {{- with .probes }}
      {{- . | trim | nindent 6 }}
      {{- end }}
      {{- with .preStop }}
      lifecycle:
        preStop:
          {{- . | nindent 10 }}
      {{- end }}
      resources:
        {{- toYaml .resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      volumeMounts:
        - name: tmp
          mountPath: /tmp
        {{- if and .certificates .root.Values.certificates.existingSecret }}
        - name: certificates
          mountPath: /run/apollo/certificates
          readOnly: true
        {{- end }}
  volumes:
    - name: tmp
      emptyDir:
        sizeLimit: 64Mi
    {{- if and .certificates .root.Values.certificates.existingSecret }}
    - name: certificates
      secret:
        secretName: {{ .root.Values.certificates.existingSecret }}
        defaultMode: 0440
    {{- end }}
{{- end }}

{{/* Probes of a process that answers on a path of a named port. Takes path and port. */}}
{{- define "apollo.probes" -}}
startupProbe:
  httpGet: {path: {{ .path }}, port: {{ .port }}}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 60
readinessProbe:
  httpGet: {path: {{ .path }}, port: {{ .port }}}
  periodSeconds: 5
  timeoutSeconds: 5
livenessProbe:
  httpGet: {path: {{ .path }}, port: {{ .port }}}
  periodSeconds: 15
  timeoutSeconds: 10
  failureThreshold: 6
{{- end }}

{{/* A new pod is there before an old one goes. */}}
{{- define "apollo.rolling" -}}
strategy:
  type: RollingUpdate
  rollingUpdate:
    maxSurge: 1
    maxUnavailable: 0
# Whoever cannot go on ends, and one that ends at once must not count as ready before.
minReadySeconds: 15
{{- end }}
