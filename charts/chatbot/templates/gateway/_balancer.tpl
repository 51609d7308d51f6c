{{/*
The balancer beside nginx, for services that may have several pods (docs/decisions/14-balancer.md): a sidecar, which starts
before nginx and ends after it.
*/}}

{{/* Port on the pod's loopback address. */}}
{{- define "chatbot.balancer.port" -}}
8082
{{- end -}}

{{/* The balanced services as `chatbot balance` takes them, separated by spaces; empty without any. */}}
{{- define "chatbot.balancer.services" -}}
{{- $services := list -}}
{{- range (include "chatbot.routes" . | fromJson).routes -}}
{{- if .balanced -}}{{- $services = append $services (printf "%s=%s:%v" .name .pods .port) -}}{{- end -}}
{{- end -}}
{{- join " " $services -}}
{{- end -}}

{{- define "chatbot.balancer.container" -}}
{{- $probes := .Values.gateway.probes -}}
- name: balancer
  restartPolicy: Always
  {{- include "chatbot.containerImage" (dict "root" . "image" .Values.serviceDefaults.image) | nindent 2 }}
  args:
    - balance
    - --port={{ include "chatbot.balancer.port" . }}
    - --body-limit={{ .Values.gateway.bodyLimit }}
    {{- range splitList " " (include "chatbot.balancer.services" .) }}
    - {{ . }}
    {{- end }}
  env:
    {{- include "chatbot.env" (dict "CHATBOT_LOG_FORMAT" .Values.log.format "CHATBOT_LOG_LEVEL" .Values.log.level) | trim | nindent 4 }}
  # It listens on the loopback address: the kubelet asks it through nginx, or, while that is not there yet, inside.
  readinessProbe:
    httpGet: {path: /balancer, port: 8081}
    {{- include "chatbot.probe" $probes.readiness | nindent 4 }}
  livenessProbe:
    exec:
      command:
        - python
        - -c
        - |
          import http.client
          way = http.client.HTTPConnection("127.0.0.1", {{ include "chatbot.balancer.port" . }}, timeout=4)
          way.request("GET", "/healthz")
          assert way.getresponse().status == 204
    {{- include "chatbot.probe" $probes.liveness | nindent 4 }}
  resources: {{- toYaml .Values.gateway.balancer.resources | nindent 4 }}
  volumeMounts:
    - {name: tmp, mountPath: /tmp}
{{- end -}}
