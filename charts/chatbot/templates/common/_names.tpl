{{/* Names and labels. Every object name is made here, so that none can be spelled in two ways. */}}

{{/* A text of at most so many characters: (list TEXT 36). What is longer is cut, and told apart by its hash. */}}
{{- define "chatbot.cut" -}}
{{- $text := index . 0 -}}
{{- $most := index . 1 -}}
{{- if gt (len $text) $most -}}
{{- printf "%s-%s" ($text | trunc (int (sub $most 9)) | trimSuffix "-") (include "chatbot.hash" $text) -}}
{{- else -}}
{{- $text | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/*
Prefix of all names; short enough that the longest suffix still fits 63 characters. A release or nameOverride may have
letters that the name of a Service may not.
*/}}
{{- define "chatbot.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $whole := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- include "chatbot.cut" (list (default $whole .Values.fullnameOverride | lower | replace "." "-" | replace "_" "-") 36) -}}
{{- end -}}

{{/* Name of one component's objects: (dict "root" $ "component" "office"). */}}
{{- define "chatbot.name" -}}
{{- printf "%s-%s" (include "chatbot.fullname" .root) .component -}}
{{- end -}}

{{/*
Names of the pods of these services as Prometheus matches them: (dict "root" $ "names" (list "office" …)). A namespace may hold
several releases, the name of one of which may begin with that of another; the last part follows a cut name without a hyphen.
*/}}
{{- define "chatbot.podNames" -}}
{{- printf "%s-(%s)(-[0-9a-z]+){1,2}" (include "chatbot.fullname" .root) (join "|" .names) -}}
{{- end -}}

{{/* What selects a component's pods; never changes between versions. */}}
{{- define "chatbot.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride | trunc 63 | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component | quote }}
{{- end -}}

{{/* Labels of a component's objects. */}}
{{- define "chatbot.labels" -}}
{{ include "chatbot.selector" . }}
app.kubernetes.io/part-of: chatbot
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/*
The head of an object: (dict "root" $ "component" "office" "object" "…" "annotations" …); its name defaults to the
component's. An operator's label never takes the place of one of the chart's.
*/}}
{{- define "chatbot.metadata" -}}
name: {{ default (include "chatbot.name" .) .object | quote }}
namespace: {{ .root.Release.Namespace | quote }}
labels: {{- merge (include "chatbot.labels" . | fromYaml) (default dict .labels) (default dict .root.Values.commonLabels) | toYaml | nindent 2 }}
{{- with merge (deepCopy (default dict .annotations)) (default dict .root.Values.commonAnnotations) }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "chatbot.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "chatbot.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* First characters of the hash of a text: for names of Jobs that must change with their content. */}}
{{- define "chatbot.hash" -}}
{{- sha256sum . | trunc 8 -}}
{{- end -}}
