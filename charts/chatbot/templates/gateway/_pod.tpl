{{/* The gateway's own part of its pod. */}}
{{- define "chatbot.gateway.pod" -}}
terminationGracePeriodSeconds: {{ .Values.timeouts.graceSeconds | int }}
{{- if include "chatbot.balancer.services" $ }}
initContainers:
  {{- include "chatbot.balancer.container" $ | nindent 2 }}
{{- end }}
containers:
  - name: nginx
    {{- include "chatbot.containerImage" (dict "root" $ "image" .Values.gateway.image) | nindent 4 }}
    ports:
      - {name: http, containerPort: 8001}
      - {name: outage, containerPort: 8503}
      - {name: probe, containerPort: 8081}
    readinessProbe:
      httpGet: {path: /healthz, port: probe}
      {{- include "chatbot.probe" .Values.gateway.probes.readiness | nindent 6 }}
    livenessProbe:
      httpGet: {path: /healthz, port: probe}
      {{- include "chatbot.probe" .Values.gateway.probes.liveness | nindent 6 }}
    {{- include "chatbot.preStop" $ | nindent 4 }}
    resources: {{- toYaml .Values.gateway.resources | nindent 6 }}
    volumeMounts:
      - {name: config, mountPath: /etc/nginx/nginx.conf, subPath: nginx.conf, readOnly: true}
      - {name: tmp, mountPath: /tmp}
      {{- if .Values.loadTest.dashboard.enabled }}
      - {name: results, mountPath: /srv/results, readOnly: true}
      {{- end }}
volumes:
  - name: config
    configMap: {name: {{ include "chatbot.name" (dict "root" $ "component" "gateway") }}}
  - name: tmp
    emptyDir: {}
  {{- if .Values.loadTest.dashboard.enabled }}
  - {{- include "chatbot.volume" (dict "root" $ "purpose" "results" "readOnly" true) | nindent 4 }}
  {{- end }}
{{- end -}}
