{{/* Full reference of an image: (dict "root" $ "image" .Values.gateway.image). A digest wins over a tag. */}}
{{- define "chatbot.image" -}}
{{- $registry := .root.Values.images.registry -}}
{{- $repository := .image.repository -}}
{{- if and $registry (not (regexMatch "^[^/]*[.:][^/]*/|^localhost/" $repository)) -}}
{{- $repository = printf "%s/%s" $registry $repository -}}
{{- end -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .root.Chart.AppVersion .image.tag) -}}
{{- end -}}
{{- end -}}

{{/* image and imagePullPolicy of a container. */}}
{{- define "chatbot.containerImage" -}}
image: {{ include "chatbot.image" . }}
imagePullPolicy: {{ .root.Values.images.pullPolicy }}
{{- end -}}
