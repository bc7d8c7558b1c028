{{/* A variable; none where its value is empty. Takes name and value. */}}
{{- define "apollo.variable" -}}
{{- with .value }}
- name: {{ $.name }}
  value: {{ . | quote }}
{{- end }}
{{- end }}

{{/* Of the named secrets, those that have a key in the Secret. Takes root and names. */}}
{{- define "apollo.secrets" -}}
{{- $root := .root }}
{{- range $name := .names }}
{{- with index $root.Values.secrets.keys $name }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef:
      name: {{ $root.Values.secrets.existingSecret }}
      key: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* The settings of the console, or those of all others. Takes root and ofConsole. */}}
{{- define "apollo.settings" -}}
{{- $ofConsole := .ofConsole }}
{{- range $name, $value := .root.Values.settings }}
{{- if eq (hasPrefix "APOLLO_WEB_" $name) $ofConsole }}
{{- include "apollo.variable" (dict "name" $name "value" $value) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "apollo.environment.database" -}}
{{- with .Values.database }}
- name: APOLLO_DATABASE_URL
  value: postgresql://{{ .user }}@{{ .host }}:{{ .port }}/{{ .name }}{{ with .parameters }}?{{ . }}{{ end }}
{{- end }}
{{- include "apollo.secrets" (dict "root" . "names" (list "PGPASSWORD")) }}
{{- end }}

{{- define "apollo.environment.temporal" -}}
{{- $folder := "/run/apollo/certificates/" }}
{{- with .Values.temporal }}
- name: APOLLO_TEMPORAL_ADDRESS
  value: {{ .address | quote }}
- name: APOLLO_TEMPORAL_NAMESPACE
  value: {{ .namespace | quote }}
{{- with .tls }}
{{- if .enabled }}
- name: TEMPORAL_TLS
  value: "true"
{{- end }}
{{- include "apollo.variable" (dict "name" "TEMPORAL_TLS_SERVER_NAME" "value" .serverName) }}
{{- with .serverCa }}
{{- include "apollo.variable" (dict "name" "TEMPORAL_TLS_SERVER_CA_CERT_PATH" "value" (print $folder .)) }}
{{- end }}
{{- with .clientCertificate }}
{{- include "apollo.variable" (dict "name" "TEMPORAL_TLS_CLIENT_CERT_PATH" "value" (print $folder .)) }}
{{- end }}
{{- with .clientKey }}
{{- include "apollo.variable" (dict "name" "TEMPORAL_TLS_CLIENT_KEY_PATH" "value" (print $folder .)) }}
{{- end }}
{{- end }}
{{- end }}
{{- include "apollo.secrets" (dict "root" . "names" (list "TEMPORAL_API_KEY")) }}
{{- end }}

{{/* What API and workers share. */}}
{{- define "apollo.environment.engine" -}}
{{- include "apollo.environment.database" . }}
{{- include "apollo.environment.temporal" . }}
{{- include "apollo.secrets" (dict "root" . "names" (list "APOLLO_PAYLOAD_KEYS" "APOLLO_NUMBER_KEY")) }}
{{- include "apollo.settings" (dict "root" . "ofConsole" false) }}
{{- if not .Values.settings.APOLLO_WEBHOOK_URL }}
- name: APOLLO_WEBHOOK_URL
  value: https://{{ required "say where the provider posts: settings.APOLLO_WEBHOOK_URL or api.ingress.host" .Values.api.ingress.host }}/webhooks/call-status
{{- end }}
{{- include "apollo.variable" (dict "name" "OTEL_EXPORTER_OTLP_ENDPOINT" "value" .Values.tracing.endpoint) }}
{{- end }}
