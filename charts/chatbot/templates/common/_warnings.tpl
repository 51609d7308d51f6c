{{/* What may work, depending on what the chart cannot see, and then is no reason to refuse: the notes of an install say it. */}}

{{- define "chatbot.warnings" -}}
{{- include "chatbot.warnings.volumes" . -}}
{{- include "chatbot.warnings.pods" . -}}
{{- include "chatbot.warnings.proxy" . -}}
{{- end -}}

{{- define "chatbot.warnings.volumes" -}}
{{- $s := .Values.storage -}}
{{- $services := include "chatbot.services" . | fromJson -}}
{{- if and (eq $s.models.kind "hostPath") (eq .Values.models.source "download") }}

storage.models is hostPath: each service's Job fills the folder of the one node that it runs on, and a pod on another node
waits there for its file. With several nodes set services.*.nodeSelector to one node each, or fill the folders yourself and
set models.source to volume.
{{- end }}
{{- if and (eq .Values.libs.source "pvc") (eq $s.libs.kind "hostPath") }}

storage.libs is hostPath: the Job fills the folder of the one node that it runs on, and a pod on another node waits. With
several nodes use libs.source copy.
{{- end }}
{{- if and .Values.backup.enabled (eq .Values.history.mode "sqlite") (eq $s.backups.kind "shared") (ne $s.backups.accessMode "ReadWriteMany") (gt (len $services) 1) }}

storage.backups is one {{ $s.backups.accessMode }} volume, and copies are made beside each service: on different nodes all but one wait for it.
Then use storage.backups.kind perService, or a StorageClass with ReadWriteMany.
{{- end }}
{{- end -}}

{{- define "chatbot.warnings.pods" -}}
{{- $seconds := int .Values.timeouts.preStopSeconds -}}
{{- $several := list -}}
{{- range $name, $service := include "chatbot.services" . | fromJson -}}
{{- $most := include "chatbot.service.mostPods" $service | int -}}
{{- if gt $most 1 -}}{{- $several = append $several (printf "services.%s" $name) -}}{{- end -}}
{{- $scaled := $service.autoscaling -}}
{{- if and $scaled.enabled (gt $most 1) -}}
{{- $least := int $scaled.minReplicas -}}
{{- $stay := include "chatbot.budget.number" (dict "value" $service.minAvailable "pods" $least) | int }}
{{- if ge $stay $least }}

services.{{ $name }}.minAvailable is {{ include "chatbot.scalar" $service.minAvailable }}: while autoscaling leaves {{ $least }} of its pods, no drain of a node ends. maxUnavailable 1 lets one go.
{{- end }}
{{- end }}
{{- end }}
{{- if and $several (not .Values.gateway.enabled) }}

{{ join ", " $several }}: without gateway.enabled no balancer chooses among the pods, so questions wait or get 429 while another
pod is free, and a user's rooms change pods.
{{- end }}
{{- if and $several .Values.gateway.enabled (lt $seconds 6) }}

timeouts.preStopSeconds is {{ $seconds }}, but what the gateway knows of {{ join ", " $several }} may be 6 s old: a pod that is replaced
may then cost requests; set 6 or more.
{{- end }}
{{- end -}}

{{- define "chatbot.warnings.proxy" -}}
{{- $v := .Values -}}
{{- if and $v.networkPolicy.enabled $v.proxy.secretName (not $v.proxy.to) (not $v.networkPolicy.servicesTo) (not $v.networkPolicy.hubTo) }}

proxy.secretName is set and proxy.to is empty: the NetworkPolicies open no way to the proxy, unless it has a public address
and port 443. Name it, e.g. proxy.to: [{ipBlock: {cidr: 10.0.0.5/32}}].
{{- end }}
{{- end -}}
