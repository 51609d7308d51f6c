{{/* How pods reach the history: the bundled database's address where it asks no password; else nothing. */}}
{{- define "chatbot.history.plainUri" -}}
{{- with .Values.history -}}
{{- if and (eq .mode "bundled") (not .bundled.auth.secretName) -}}
{{- printf "mongodb://%s:%v/" (include "chatbot.name" (dict "root" $ "component" "history")) .bundled.port -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The address that stands in a Secret, as environment. */}}
{{- define "chatbot.history.secretUri" -}}
{{- $h := .Values.history -}}
{{- $uri := dict -}}
{{- if eq $h.mode "external" -}}
{{- $uri = dict "name" $h.external.secretName "key" $h.external.key -}}
{{- else if and (eq $h.mode "bundled") $h.bundled.auth.secretName -}}
{{- $uri = dict "name" $h.bundled.auth.secretName "key" "uri" -}}
{{- end -}}
{{- with $uri }}
- name: CHATBOT_HISTORY__MONGO_URI
  valueFrom: {secretKeyRef: {name: {{ .name | quote }}, key: {{ .key | quote }}}}
{{- end }}
{{- end -}}

{{/* The bundled database's own part of its pod. */}}
{{- define "chatbot.history.pod" -}}
{{- $db := .Values.history.bundled -}}
terminationGracePeriodSeconds: 60
containers:
  - name: database
    {{- include "chatbot.containerImage" (dict "root" $ "image" $db.image) | nindent 4 }}
    {{- with $db.args }}
    args: {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- if or $db.env $db.auth.secretName }}
    env:
      {{- include "chatbot.env" $db.env | trim | nindent 6 }}
      {{- with $db.auth.secretName }}
      - name: MONGO_INITDB_ROOT_USERNAME
        valueFrom: {secretKeyRef: {name: {{ . | quote }}, key: username}}
      - name: MONGO_INITDB_ROOT_PASSWORD
        valueFrom: {secretKeyRef: {name: {{ . | quote }}, key: password}}
      {{- end }}
    {{- end }}
    ports:
      - {name: mongodb, containerPort: {{ $db.port | int }}}
    {{- range $kind := list "startup" "readiness" "liveness" }}
    {{ $kind }}Probe:
      tcpSocket: {port: mongodb}
      {{- include "chatbot.probe" (get $db.probes $kind) | nindent 6 }}
    {{- end }}
    resources: {{- toYaml $db.resources | nindent 6 }}
    volumeMounts:
      - {name: database, mountPath: {{ $db.dataPath }}}
      - {name: tmp, mountPath: /tmp}
volumes:
  - name: tmp
    emptyDir: {}
{{- end -}}
