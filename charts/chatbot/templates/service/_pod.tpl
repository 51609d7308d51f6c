{{/* A service's own part of its pod: (dict "root" $ "name" "office" "service" …). */}}
{{- define "chatbot.service.pod" -}}
{{- $v := .root.Values -}}
{{- include "chatbot.card.claim" . | trim }}
{{- with .service.gpu.runtimeClassName }}
runtimeClassName: {{ . | quote }}
{{- end }}
terminationGracePeriodSeconds: {{ $v.timeouts.graceSeconds | int }}
initContainers:
  {{- include "chatbot.libs.init" .root | nindent 2 }}
  {{- include "chatbot.models.wait" . | nindent 2 }}
  {{- if $v.dev.sync }}
  {{- include "chatbot.dev.init" . | nindent 2 }}
  {{- end }}
containers:
  - name: {{ .name | quote }}
    {{- include "chatbot.containerImage" (dict "root" .root "image" .service.image) | nindent 4 }}
    {{- if $v.dev.sync }}
    {{- include "chatbot.dev.command" . | nindent 4 }}
    {{- else }}
    args: [{{ .name | quote }}]
    {{- end }}
    env:
      {{- include "chatbot.service.env" . | trim | nindent 6 }}
    {{- if and $v.search.enabled $v.search.secretName }}
    envFrom:
      - secretRef: {name: {{ $v.search.secretName | quote }}}
    {{- end }}
    ports:
      - {name: http, containerPort: {{ .service.port | int }}}
    startupProbe:
      httpGet: {path: /readyz, port: http}
      {{- include "chatbot.probe" .service.probes.startup | nindent 6 }}
      failureThreshold: {{ max 1 (div (int .service.startupSeconds) (int .service.probes.startup.periodSeconds)) }}
    readinessProbe:
      httpGet: {path: /readyz, port: http}
      {{- include "chatbot.probe" .service.probes.readiness | nindent 6 }}
    livenessProbe:
      httpGet: {path: /healthz, port: http}
      {{- include "chatbot.probe" .service.probes.liveness | nindent 6 }}
    {{- include "chatbot.preStop" .root | nindent 4 }}
    resources: {{- include "chatbot.service.resources" . | nindent 6 }}
    volumeMounts:
      {{- include "chatbot.libs.mount" .root | nindent 6 }}
      - {name: models, mountPath: /models, readOnly: true}
      - {name: data, mountPath: /data}
      - {name: tmp, mountPath: /tmp}
      {{- if $v.access.secretName }}
      - {name: access, mountPath: /etc/chatbot/access, readOnly: true}
      {{- end }}
      {{- if $v.prompts.configMapName }}
      - {name: prompts, mountPath: /etc/chatbot/prompts, readOnly: true}
      {{- end }}
      {{- if $v.dev.sync }}
      - {name: sources, mountPath: /opt/sources}
      {{- end }}
volumes:
  {{- include "chatbot.libs.volume" .root | nindent 2 }}
  - {{- include "chatbot.volume" (dict "root" .root "purpose" "models" "service" .name) | nindent 4 }}
  - {{- include "chatbot.volume" (dict "root" .root "purpose" "data" "service" .name) | nindent 4 }}
  - name: tmp
    emptyDir: {}
  {{- with $v.access.secretName }}
  - name: access
    secret: {secretName: {{ . | quote }}}
  {{- end }}
  {{- with $v.prompts.configMapName }}
  - name: prompts
    configMap: {name: {{ . | quote }}}
  {{- end }}
  {{- if $v.dev.sync }}
  - name: sources
    emptyDir: {}
  {{- end }}
{{- end -}}
