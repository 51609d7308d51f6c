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

{{/*
true where the pods of one service may not be there twice: one process at a time writes an SQLite file, and a volume that is
not ReadWriteMany is mounted on one node: (dict "root" $ "name" "office" "service" …).
*/}}
{{- define "chatbot.service.alone" -}}
{{- $v := .root.Values -}}
{{- $alone := eq $v.history.mode "sqlite" -}}
{{- range $purpose := concat (list "models" "data") (ternary (list "libs") list (eq $v.libs.source "pvc")) -}}
{{- $storage := get $v.storage $purpose -}}
{{- $alone = or $alone (and (ne $storage.kind "hostPath") (ne $storage.accessMode "ReadWriteMany")) -}}
{{- end -}}
{{- if $alone -}}true{{- end -}}
{{- end -}}

{{/*
A single pod with a card has no second card to roll to, and one that is alone with its file or volume goes before the next one
comes; several give theirs up one by one; the pods of all others overlap.
*/}}
{{- define "chatbot.service.strategy" -}}
{{- $held := or .service.gpu.enabled (include "chatbot.service.alone" .) -}}
{{- $single := le (include "chatbot.service.mostPods" .service | int) 1 -}}
{{- $kind := .service.strategy | default (ternary "Recreate" "RollingUpdate" (and (not (empty $held)) $single)) -}}
type: {{ $kind }}
{{- if eq $kind "RollingUpdate" }}
{{- if or .service.gpu.enabled (and $held (not $single)) }}
rollingUpdate: {maxSurge: 0, maxUnavailable: 1}
{{- else }}
rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
{{- end }}
{{- end }}
{{- end -}}
