{{/* Names and labels. Every object name is made here, so that none can be spelled in two ways. */}}

{{/* Prefix of all names; short enough that the longest suffix still fits 63 characters. */}}
{{- define "chatbot.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 36 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 36 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 36 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Name of one component's objects: (dict "root" $ "component" "office"). */}}
{{- define "chatbot.name" -}}
{{- printf "%s-%s" (include "chatbot.fullname" .root) .component -}}
{{- end -}}

{{/* What selects a component's pods; never changes between versions. */}}
{{- define "chatbot.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride | trunc 63 }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Labels of a component's objects. */}}
{{- define "chatbot.labels" -}}
{{ include "chatbot.selector" . }}
app.kubernetes.io/part-of: chatbot
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Labels of a component's pods: nothing that changes with a version, or every chart upgrade would restart the models. */}}
{{- define "chatbot.podLabels" -}}
{{ include "chatbot.selector" . }}
app.kubernetes.io/part-of: chatbot
{{- end -}}

{{/* The head of an object: (dict "root" $ "component" "office" "object" "…"); its name defaults to the component's. */}}
{{- define "chatbot.metadata" -}}
name: {{ default (include "chatbot.name" .) .object }}
namespace: {{ .root.Release.Namespace }}
labels: {{- include "chatbot.labels" . | nindent 2 }}
{{- end -}}

{{/* First characters of the hash of a text: for names of Jobs that must change with their content. */}}
{{- define "chatbot.hash" -}}
{{- sha256sum . | trunc 8 -}}
{{- end -}}
