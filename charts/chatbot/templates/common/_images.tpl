{{/*
Full reference of an image: (dict "root" $ "image" .Values.gateway.image). images.registry stands for the registry of every
image, as people copy it from a browser too; a host in the repository itself stays. A digest wins over a tag, which stays readable beside it: skaffold finds the
pods to sync by just this spelling.
*/}}
{{- define "chatbot.image" -}}
{{- $registry := regexReplaceAll "^[a-z]+://|/+$" (default "" (default .image.registry .root.Values.images.registry)) "" -}}
{{- $repository := .image.repository -}}
{{- if and $registry (not (regexMatch "^[^/]*[.:][^/]*/|^localhost/" $repository)) -}}
{{- $repository = printf "%s/%s" $registry $repository -}}
{{- end -}}
{{- if and .image.digest .image.tag -}}
{{- printf "%s:%s@%s" $repository .image.tag .image.digest -}}
{{- else if .image.digest -}}
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
