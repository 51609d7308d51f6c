{{/* Names of the services that loadTest.args name with --service, as JSON; all where they name none. */}}
{{- define "chatbot.loadtest.services" -}}
{{- $named := "" -}}
{{- $args := .Values.loadTest.args -}}
{{- range $i, $arg := $args -}}
{{- if hasPrefix "--service=" $arg -}}{{- $named = trimPrefix "--service=" $arg -}}
{{- else if and (eq $arg "--service") (lt (add1 $i | int) (len $args)) -}}{{- $named = index $args (add1 $i | int) -}}
{{- end -}}
{{- end -}}
{{- $names := regexFindAll "[a-z0-9]+" $named -1 -}}
{{- if or (not $names) (has (first $names) (list "all" "both" "suite")) -}}
{{- $names = keys (include "chatbot.services" . | fromJson) | sortAlpha -}}
{{- end -}}
{{- dict "names" $names | toJson -}}
{{- end -}}

{{/* Who is asked: the gateway, or where there is none the one service under load. */}}
{{- define "chatbot.loadtest.target" -}}
{{- if .Values.gateway.enabled -}}
http://{{ include "chatbot.name" (dict "root" . "component" "gateway") }}:{{ .Values.gateway.port | int }}
{{- else -}}
{{- $asked := (include "chatbot.loadtest.services" . | fromJson).names -}}
{{- range (include "chatbot.routes" . | fromJson).routes -}}
{{- if eq .name (first $asked) -}}http://{{ .service }}:{{ .port }}{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What is run. */}}
{{- define "chatbot.loadtest.args" -}}
- run
- --target={{ include "chatbot.loadtest.target" . }}
- --results=/results
- --run-id={{ .Values.loadTest.runId }}
- --wait=600s
- --client-timeout={{ .Values.timeouts.clientSeconds | int }}
- --note=chart={{ .Chart.Name }}-{{ .Chart.Version }}
{{- $services := include "chatbot.services" . | fromJson }}
{{- $asked := (include "chatbot.loadtest.services" . | fromJson).names }}
{{- range (include "chatbot.routes" . | fromJson).routes }}
{{- if has .name $asked }}
- --counters=http://{{ .pods }}:{{ .port }}
- --note={{ .name }}={{ include "chatbot.image" (dict "root" $ "image" (get $services .name).image) }}
{{- end }}
{{- end }}
{{- range .Values.loadTest.args }}
- {{ . | quote }}
{{- end }}
{{- end -}}

{{/* The own part of the load test's pod; a new run id, argument or image makes a new Job. */}}
{{- define "chatbot.loadtest.pod" -}}
restartPolicy: Never
{{/* A run that is asked to end waits for the answers that its clients still expect, and writes its files. */ -}}
terminationGracePeriodSeconds: {{ add (.Values.timeouts.clientSeconds | int) 90 }}
containers:
  - name: loadtest
    {{- include "chatbot.containerImage" (dict "root" . "image" .Values.loadTest.image) | nindent 4 }}
    args:
      {{- include "chatbot.loadtest.args" . | nindent 6 }}
      {{- /* What is run, apart from where: a finished run of this name and content is not run again. */}}
      - --content={{ include "chatbot.hash" (print (include "chatbot.image" (dict "root" . "image" .Values.loadTest.image)) (include "chatbot.loadtest.args" .)) }}
    resources: {{- toYaml .Values.loadTest.resources | nindent 6 }}
    volumeMounts:
      - {name: results, mountPath: /results}
      - {name: tmp, mountPath: /tmp}
volumes:
  - {{- include "chatbot.volume" (dict "root" . "purpose" "results") | nindent 4 }}
  - name: tmp
    emptyDir: {}
{{- end -}}
