{{/* What every pod of the suite has in common. */}}

{{/* Head of a pod spec: (dict "root" $ "user" 10001); no token, no service variables, Pod Security restricted. */}}
{{- define "chatbot.podBasics" -}}
serviceAccountName: {{ include "chatbot.fullname" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ default .root.Values.podSecurity.runAsUser .user | int64 }}
  runAsGroup: {{ default .root.Values.podSecurity.runAsUser .user | int64 }}
  fsGroup: {{ default .root.Values.podSecurity.fsGroup .user | int64 }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* securityContext of every container. */}}
{{- define "chatbot.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{/* A value as text; YAML's numbers arrive as floats, and a million must not become 1e+06. */}}
{{- define "chatbot.scalar" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}{{ int64 . }}{{- else -}}{{ . }}{{- end -}}
{{- end -}}

{{/* Environment from a map of plain values, sorted by name so that renders are stable. */}}
{{- define "chatbot.env" -}}
{{- range $name := keys . | sortAlpha }}
- {name: {{ $name }}, value: {{ include "chatbot.scalar" (get $ $name) | quote }}}
{{- end }}
{{- end -}}

{{/*
Waits between removal from the Service and SIGTERM, so that routers turn to another pod first: (dict "root" $ "replicas" 2).
A single pod has no other: it says 503 with Retry-After at once, which is better than a router's bare error.
*/}}
{{- define "chatbot.preStop" -}}
{{- if and .root.Values.timeouts.preStopSeconds (gt (int .replicas) 1) }}
lifecycle:
  preStop:
    sleep: {seconds: {{ .root.Values.timeouts.preStopSeconds | int }}}
{{- end }}
{{- end -}}
