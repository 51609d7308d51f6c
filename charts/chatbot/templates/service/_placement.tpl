{{/* Where a service's pods run and how they are replaced. */}}

{{/* The pin: nodes whose card is one of gpu.products, time-sliced or not; a node selector replaces it, a claim needs none. As JSON. */}}
{{- define "chatbot.service.affinity" -}}
{{- $affinity := deepCopy (default dict .service.affinity) -}}
{{- if and (eq (include "chatbot.card.source" .) "devicePlugin") .service.gpu.products (not .service.nodeSelector) -}}
{{- $products := list -}}
{{- range .service.gpu.products -}}
{{- $products = concat $products (list . (printf "%s-SHARED" .)) -}}
{{- end -}}
{{- $term := dict "matchExpressions" (list (dict "key" "nvidia.com/gpu.product" "operator" "In" "values" $products)) -}}
{{- $pin := dict "requiredDuringSchedulingIgnoredDuringExecution" (dict "nodeSelectorTerms" (list $term)) -}}
{{- $node := get $affinity "nodeAffinity" | default dict -}}
{{- if hasKey $node "requiredDuringSchedulingIgnoredDuringExecution" -}}
{{- fail (printf "services.%s.affinity has a required nodeAffinity, which cannot be joined to the pin to gpu.products: write it as services.%s.nodeSelector, or set gpu.products to []" .name .name) -}}
{{- end -}}
{{- $_ := set $affinity "nodeAffinity" (merge $node $pin) -}}
{{- end -}}
{{- toJson $affinity -}}
{{- end -}}

{{/* A single pod with a card has no second card to roll to; several give theirs up one by one; CPU pods overlap. */}}
{{- define "chatbot.service.strategy" -}}
{{- $kind := .service.strategy | default (ternary "Recreate" "RollingUpdate" (and .service.gpu.enabled (le (include "chatbot.service.mostPods" .service | int) 1))) -}}
type: {{ $kind }}
{{- if eq $kind "RollingUpdate" }}
{{- if .service.gpu.enabled }}
rollingUpdate: {maxSurge: 0, maxUnavailable: 1}
{{- else }}
rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
{{- end }}
{{- end }}
{{- end -}}
