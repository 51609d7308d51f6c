{{/* Volumes by their purpose (models, data, results, backups, libs): which claim or folder a pod mounts. */}}

{{/* Name of a claim: (dict "root" $ "purpose" "models" "service" "office"); service only for kind perService. */}}
{{- define "chatbot.claimName" -}}
{{- $storage := get .root.Values.storage .purpose -}}
{{- if eq $storage.kind "existing" -}}
{{- required (printf "storage.%s.kind is existing: name the claim in storage.%s.claimName" .purpose .purpose) $storage.claimName -}}
{{- else if eq $storage.kind "perService" -}}
{{- printf "%s-%s-%s" (include "chatbot.fullname" .root) .purpose .service -}}
{{- else -}}
{{- printf "%s-%s" (include "chatbot.fullname" .root) .purpose -}}
{{- end -}}
{{- end -}}

{{/* A pod's volume of that purpose, with the same arguments and "readOnly". */}}
{{- define "chatbot.volume" -}}
{{- $storage := get .root.Values.storage .purpose -}}
name: {{ .purpose }}
{{- if eq $storage.kind "hostPath" }}
hostPath:
  path: {{ required (printf "storage.%s.kind is hostPath: name the folder in storage.%s.hostPath" .purpose .purpose) $storage.hostPath }}
  type: Directory
{{- else }}
persistentVolumeClaim:
  claimName: {{ include "chatbot.claimName" . | quote }}
  {{- if .readOnly }}
  readOnly: true
  {{- end }}
{{- end }}
{{- end -}}

{{/* A new claim: the same arguments; kept on uninstall. */}}
{{- define "chatbot.claim" -}}
{{- $storage := get .root.Values.storage .purpose -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  {{- include "chatbot.metadata" (dict "root" .root "component" .purpose "object" (include "chatbot.claimName" .) "annotations" (merge (dict "helm.sh/resource-policy" "keep") $storage.annotations)) | nindent 2 }}
spec:
  accessModes: [{{ $storage.accessMode }}]
  {{- with $storage.storageClass }}
  storageClassName: {{ . | quote }}
  {{- end }}
  resources: {requests: {storage: {{ $storage.size }}}}
{{- end -}}

{{/* All claims of one purpose: one, or one for each service: (dict "root" $ "purpose" "models"). */}}
{{- define "chatbot.claims" -}}
{{- $kind := (get .root.Values.storage .purpose).kind -}}
{{- if eq $kind "shared" }}
---
{{ include "chatbot.claim" . }}
{{- else if eq $kind "perService" }}
{{- range $name := keys (include "chatbot.services" .root | fromJson) | sortAlpha }}
---
{{ include "chatbot.claim" (merge (dict "service" $name) $) }}
{{- end }}
{{- end }}
{{- end -}}

{{/*
Settings of a pod that mounts the results, as JSON: (dict "root" $ "settings" …). The gateway shows what the Job writes, so on
a disk of one node they are best beside each other, and so is a gateway beside the one that it takes over from.
*/}}
{{- define "chatbot.storage.besideResults" -}}
{{- $settings := .settings -}}
{{- $results := .root.Values.storage.results -}}
{{- if and .root.Values.loadTest.dashboard.enabled (eq $results.kind "shared") (ne $results.accessMode "ReadWriteMany") -}}
{{- $selector := dict "matchLabels" (include "chatbot.selector" (dict "root" .root "component" "gateway") | fromYaml) -}}
{{- $term := dict "weight" 100 "podAffinityTerm" (dict "topologyKey" "kubernetes.io/hostname" "labelSelector" $selector) -}}
{{- $preferred := "preferredDuringSchedulingIgnoredDuringExecution" -}}
{{- $affinity := default dict $settings.affinity -}}
{{- $pods := default dict $affinity.podAffinity -}}
{{- $_ := set $pods $preferred (append (default list (get $pods $preferred)) $term) -}}
{{- $_ := set $settings "affinity" (merge (dict "podAffinity" $pods) $affinity) -}}
{{- end -}}
{{- toJson $settings -}}
{{- end -}}
