{{/* The services of a release: each block of `services` laid over `serviceDefaults`, and that over `podDefaults`. */}}

{{/*
One map laid over another, as JSON: (dict "base" … "over" …). Maps are joined key by key; anything else of the upper
one replaces what is below, false, 0, "", [] and null included, which Sprig's merge takes for "not set".
*/}}
{{- define "chatbot.laidOver" -}}
{{- $joined := deepCopy .base -}}
{{- range $key, $value := .over -}}
{{- $below := get $joined $key -}}
{{- if and (kindIs "map" $value) (kindIs "map" $below) -}}
{{- $_ := set $joined $key (include "chatbot.laidOver" (dict "base" $below "over" $value) | fromJson) -}}
{{- else -}}
{{- $_ := set $joined $key $value -}}
{{- end -}}
{{- end -}}
{{- toJson $joined -}}
{{- end -}}

{{/* The most pods that a service may have. */}}
{{- define "chatbot.service.mostPods" -}}
{{- ternary .autoscaling.maxReplicas .replicas .autoscaling.enabled | int -}}
{{- end -}}

{{/* The enabled services with all their values as JSON, by name; every template that has a part for each service asks here. */}}
{{- define "chatbot.services" -}}
{{- if not .Values.serviceDefaults -}}
{{- fail "serviceDefaults is missing: helm upgrade --reuse-values keeps the defaults of the former chart, which had none; use --reset-then-reuse-values" -}}
{{- end -}}
{{- /* The suite's own list (src/chatbot/domain/messages.py): settings, commands, paths and parts of a release. */ -}}
{{- $reserved := list
  "access" "all" "backup" "backups" "balance" "both" "cards" "construct" "copy" "dashboard" "data" "dict" "doctor" "gateway"
  "healthz" "history" "host" "json" "keys" "libs" "loadtest" "metrics" "models" "openai" "outage" "port" "prompts" "queue" "readyz" "rest"
  "results" "routes" "schema" "search" "service" "services" "settings" "suite" "test" "up" "validate" "version" -}}
{{- $services := dict -}}
{{- $defaults := include "chatbot.laidOver" (dict "base" (include "chatbot.pod.defaults" . | fromJson) "over" .Values.serviceDefaults) | fromJson -}}
{{- range $name, $own := .Values.services -}}
{{- if has $name $reserved -}}
{{- fail (printf "services.%s: no service can have this name, which another part of the suite has; reserved are %s" $name (join ", " $reserved)) -}}
{{- end -}}
{{- $service := include "chatbot.laidOver" (dict "base" $defaults "over" $own) | fromJson -}}
{{- /* A digest belongs to one repository: that of the default image says nothing about an image of the service's own. */ -}}
{{- $image := default dict $own.image -}}
{{- if and $image.repository (not $image.digest) -}}{{- $_ := set $service.image "digest" "" -}}{{- end -}}
{{- /* Former charts had the key, with this one value. */ -}}
{{- if and $service.path (ne $service.path (printf "/%s" $name)) -}}
{{- fail (printf "services.%s.path is %s, but a service answers under its own name: take the line away" $name $service.path) -}}
{{- end -}}
{{- if $service.enabled -}}{{- $_ := set $services $name $service -}}{{- end -}}
{{- end -}}
{{- if not $services -}}
{{- fail "no service is enabled: set services.office.enabled or services.character.enabled" -}}
{{- end -}}
{{- toJson $services -}}
{{- end -}}
