{{/* The own part of the load test's pod; a new run id, argument or image makes a new Job. */}}
{{- define "chatbot.loadtest.pod" -}}
restartPolicy: Never
{{/* A run that is asked to end waits for the answers that its clients still expect, and writes its files. */ -}}
terminationGracePeriodSeconds: {{ add (.Values.timeouts.clientSeconds | int) 90 }}
containers:
  - name: loadtest
    {{- include "chatbot.containerImage" (dict "root" . "image" .Values.loadTest.image) | nindent 4 }}
    args:
      - run
      - --target=http://{{ include "chatbot.name" (dict "root" . "component" "gateway") }}:{{ .Values.gateway.port | int }}
      - --results=/results
      - --run-id={{ .Values.loadTest.runId }}
      - --wait=600s
      - --client-timeout={{ .Values.timeouts.clientSeconds | int }}
      - --note=chart={{ .Chart.Name }}-{{ .Chart.Version }}
      {{- $services := include "chatbot.services" . | fromJson }}
      {{- range (include "chatbot.routes" . | fromJson).routes }}
      - --counters=http://{{ .service }}:{{ .port }}
      - --note={{ .name }}={{ include "chatbot.image" (dict "root" $ "image" (get $services .name).image) }}
      {{- end }}
      {{- range .Values.loadTest.args }}
      - {{ . | quote }}
      {{- end }}
    resources: {{- toYaml .Values.loadTest.resources | nindent 6 }}
    volumeMounts:
      - {name: results, mountPath: /results}
      - {name: tmp, mountPath: /tmp}
volumes:
  - {{- include "chatbot.volume" (dict "root" . "purpose" "results") | nindent 4 }}
  - name: tmp
    emptyDir: {}
{{- end -}}
