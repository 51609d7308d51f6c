{{/* The own part of the pod that `helm test` runs. */}}
{{- define "chatbot.tests.pod" -}}
{{- $services := include "chatbot.services" . | fromJson -}}
{{- $addresses := dict -}}
{{- range (include "chatbot.routes" . | fromJson).routes -}}
{{- $_ := set $addresses .name (printf "http://%s:%v" .service .port) -}}
{{- end -}}
restartPolicy: Never
containers:
  - name: suite
    {{- include "chatbot.containerImage" (dict "root" $ "image" (get $services (keys $services | sortAlpha | first)).image) | nindent 4 }}
    command: [python, -c]
    args:
      - {{ .Files.Get "files/helm_test.py" | toJson }}
    env:
      - {name: GATEWAY, value: "{{ if .Values.gateway.enabled }}http://{{ include "chatbot.name" (dict "root" $ "component" "gateway") }}:{{ .Values.gateway.port | int }}{{ end }}"}
      - {name: SERVICES, value: {{ $addresses | toJson | quote }}}
      - {name: TIMEOUT, value: {{ .Values.tests.timeoutSeconds | int | quote }}}
    resources: {{- toYaml .Values.tests.resources | nindent 6 }}
    volumeMounts:
      - {name: tmp, mountPath: /tmp}
volumes:
  - name: tmp
    emptyDir: {}
{{- end -}}
