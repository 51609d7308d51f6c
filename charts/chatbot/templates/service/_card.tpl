{{/*
How a service gets its card, in two ways (services.*.gpu.source). `devicePlugin` counts cards of a node, so node labels
must tell which card that is (_placement.tpl). `dra` claims a card by what it is, wherever it is. One card a pod.
*/}}

{{/* devicePlugin or dra; empty for a service without a card. */}}
{{- define "chatbot.card.source" -}}
{{- if .service.gpu.enabled -}}{{- .service.gpu.source -}}{{- end -}}
{{- end -}}

{{/* Requests and limits with the card. */}}
{{- define "chatbot.service.resources" -}}
{{- $resources := deepCopy (default dict .service.resources) -}}
{{- $source := include "chatbot.card.source" . -}}
{{- if eq $source "devicePlugin" -}}
{{- $resources = merge (dict "limits" (dict .service.gpu.resourceName 1)) $resources -}}
{{- else if eq $source "dra" -}}
{{- $_ := set $resources "claims" (list (dict "name" "card")) -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end -}}

{{/* The pod's claim, which its engine's container names. */}}
{{- define "chatbot.card.claim" -}}
{{- if eq (include "chatbot.card.source" .) "dra" }}
resourceClaims:
  - name: card
    {{- with .service.gpu.dra.claim }}
    {{- toYaml . | nindent 4 }}
    {{- else }}
    resourceClaimTemplateName: {{ include "chatbot.card.templateName" . }}
    {{- end }}
{{- end }}
{{- end -}}

{{/* What the claim asks for. The label writes the device's spaces as hyphens, and keeps the hyphens that the name has. */}}
{{- define "chatbot.card.request" -}}
{{- $gpu := .service.gpu -}}
{{- $selectors := default list $gpu.dra.selectors -}}
{{- if not $selectors -}}
{{- with $gpu.products -}}
{{- $selectors = append $selectors (printf "device.attributes['gpu.nvidia.com'].productName.replace(' ', '-') in ['%s']" (join "', '" .)) -}}
{{- end -}}
{{- with int $gpu.memoryMiB -}}
{{- $selectors = append $selectors (printf "device.capacity['gpu.nvidia.com'].memory.compareTo(quantity('%dMi')) >= 0" .) -}}
{{- end -}}
{{- end -}}
deviceClassName: {{ $gpu.dra.deviceClassName }}
{{- with $selectors }}
selectors:
  {{- range . }}
  - cel: {expression: {{ . | quote }}}
  {{- end }}
{{- end }}
{{- end -}}

{{/* The template's spec is immutable, so another request is another template. */}}
{{- define "chatbot.card.templateName" -}}
{{- printf "%s-card-%s" (include "chatbot.name" .) (include "chatbot.hash" (include "chatbot.card.request" .)) -}}
{{- end -}}

{{- define "chatbot.checks.card" -}}
{{- $gpu := .service.gpu -}}
{{- $source := include "chatbot.card.source" . -}}
{{- if and (eq $source "dra") (not (.root.Capabilities.APIVersions.Has "resource.k8s.io/v1")) -}}
{{- fail (printf "services.%s.gpu.source is dra, but this cluster does not serve resource.k8s.io/v1 (Kubernetes 1.34 or newer does): use gpu.source: devicePlugin" .name) -}}
{{- end -}}
{{- if and (eq $source "dra") (ne $gpu.resourceName "nvidia.com/gpu") -}}
{{- fail (printf "services.%s.gpu.resourceName is of the device plugin, but gpu.source is dra: name the kind of device in gpu.dra.deviceClassName" .name) -}}
{{- end -}}
{{- if and (eq $source "devicePlugin") (not (hasPrefix "nvidia.com/" $gpu.resourceName)) -}}
{{- fail (printf "services.%s.gpu.resourceName is %s, but the compiled engine computes on NVIDIA cards or on the CPU: name a resource of NVIDIA's device plugin (nvidia.com/gpu, nvidia.com/gpu.shared, nvidia.com/mig-1g.10gb), or set gpu.enabled to false" .name $gpu.resourceName) -}}
{{- end -}}
{{- $resources := default dict .service.resources -}}
{{- range $kind := list "requests" "limits" -}}
{{- range $name, $_ := default dict (get $resources $kind) -}}
{{- if or (hasPrefix "nvidia.com/" $name) (eq $name $gpu.resourceName) -}}
{{- fail (printf "services.%s.resources.%s asks for %s: a service computes on one card, which gpu.enabled asks for; take the line away, name another device in gpu.resourceName, and for more cards raise replicas" $.name $kind $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
