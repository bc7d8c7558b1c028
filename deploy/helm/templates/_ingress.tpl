{{/* An ingress to a part's service. Takes root, part and paths. */}}
{{- define "apollo.ingress" -}}
{{- $ingress := (index .root.Values .part).ingress }}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  {{- include "apollo.metadata" (merge (dict "annotations" $ingress.annotations) .) | nindent 2 }}
spec:
  {{- with $ingress.className }}
  ingressClassName: {{ . }}
  {{- end }}
  {{- with $ingress.tlsSecret }}
  tls:
    - hosts: [{{ $ingress.host }}]
      secretName: {{ . }}
  {{- end }}
  rules:
    - host: {{ $ingress.host }}
      http:
        paths:
          {{- range .paths }}
          - path: {{ . }}
            pathType: Prefix
            backend:
              service:
                name: {{ $.root.Release.Name }}-{{ $.part }}
                port:
                  name: http
          {{- end }}
{{- end }}
