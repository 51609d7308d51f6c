{{/*
What every pod of the suite has in common, and what an operator adds to it. A component writes the containers and
volumes that are its own; `chatbot.pod.spec` is the one place that adds the rest, to Deployments, the StatefulSet, Jobs and
the test pod alike.
*/}}

{{/* podDefaults as JSON. */}}
{{- define "chatbot.pod.defaults" -}}
{{- if not .Values.podDefaults -}}
{{- fail "podDefaults is missing: helm upgrade --reuse-values keeps the defaults of the former chart, which had none; use --reset-then-reuse-values" -}}
{{- end -}}
{{- toJson .Values.podDefaults -}}
{{- end -}}

{{/* What an operator says of a component's pods, as JSON: podDefaults under the component's own block, which may have the same keys: (dict "root" $ "own" .Values.gateway). */}}
{{- define "chatbot.pod.settings" -}}
{{- include "chatbot.laidOver" (dict "base" (include "chatbot.pod.defaults" .root | fromJson) "over" .own) -}}
{{- end -}}

{{/*
Settings of a pod, as JSON, that has to run on the node of a service's pod, since they share what only one node may have:
(dict "root" $ "settings" … "component" "office").
*/}}
{{- define "chatbot.pod.beside" -}}
{{- $settings := .settings -}}
{{- $selector := dict "matchLabels" (include "chatbot.selector" . | fromYaml) -}}
{{- $beside := list (dict "topologyKey" "kubernetes.io/hostname" "labelSelector" $selector) -}}
{{- $affinity := default dict $settings.affinity -}}
{{- $pods := default dict $affinity.podAffinity -}}
{{- $_ := set $pods "requiredDuringSchedulingIgnoredDuringExecution" (concat $beside (default list $pods.requiredDuringSchedulingIgnoredDuringExecution)) -}}
{{- $_ := set $settings "affinity" (merge (dict "podAffinity" $pods) $affinity) -}}
{{- toJson $settings -}}
{{- end -}}

{{/* What caBundle adds to every pod, and proxy to those that ask the internet ("outside" true), as JSON. */}}
{{- define "chatbot.pod.outside" -}}
{{- $added := dict "env" list "envFrom" list "volumeMounts" list "volumes" list -}}
{{- $ca := .root.Values.caBundle -}}
{{- if or $ca.configMapName $ca.secretName -}}
{{- $source := ternary (dict "configMap" (dict "name" $ca.configMapName)) (dict "secret" (dict "secretName" $ca.secretName)) (not (empty $ca.configMapName)) -}}
{{- $_ := set $added "volumes" (list (merge (dict "name" "authorities") $source)) -}}
{{- $_ := set $added "volumeMounts" (list (dict "name" "authorities" "mountPath" "/etc/chatbot/authorities" "readOnly" true)) -}}
{{- $_ := set $added "env" (list (dict "name" "SSL_CERT_FILE" "value" (printf "/etc/chatbot/authorities/%s" $ca.key))) -}}
{{- end -}}
{{- if and .outside .root.Values.proxy.secretName -}}
{{- $_ := set $added "envFrom" (list (dict "secretRef" (dict "name" .root.Values.proxy.secretName))) -}}
{{- end -}}
{{- toJson $added -}}
{{- end -}}

{{/*
A pod spec: (dict "root" $ "component" "gateway" "settings" (include "chatbot.pod.settings" … | fromJson) "spec" TEXT), where
TEXT is the component's own part, and "outside" is true where it asks the internet. The operator's environment, mounts and
security context reach every container of the chart, those that run first included; containers of the operator's own stay as
they are written.
*/}}
{{- define "chatbot.pod.spec" -}}
{{- $settings := .settings -}}
{{- $spec := fromYaml .spec -}}
{{- with $spec.Error -}}{{- fail (printf "the pod of %s: %s" $.component .) -}}{{- end -}}
{{- $added := include "chatbot.pod.outside" . | fromJson -}}
{{- $security := include "chatbot.withoutNulls" $settings.securityContext | fromJson -}}
{{- range concat (default list $spec.initContainers) $spec.containers -}}
{{- $lists := dict
  "env" (include "chatbot.pod.joined" (list "name" (concat (default list .env) $added.env) $settings.extraEnv) | fromJsonArray)
  "envFrom" (concat (default list .envFrom) $added.envFrom (default list $settings.envFrom))
  "volumeMounts" (include "chatbot.pod.joined" (list "mountPath" (concat (default list .volumeMounts) $added.volumeMounts) $settings.extraVolumeMounts) | fromJsonArray)
-}}
{{- $container := . -}}
{{- range $key, $items := $lists -}}{{- if $items -}}{{- $_ := set $container $key $items -}}{{- end -}}{{- end -}}
{{- with $security -}}{{- $_ := set $container "securityContext" . -}}{{- end -}}
{{- end -}}
{{- /* A pod with a restart policy ends with the chart's container; beside a container that does not end it never would. */ -}}
{{- $sidecars := list -}}
{{- $beside := default list $settings.extraContainers -}}
{{- if $spec.restartPolicy -}}
{{- range $beside -}}{{- $sidecars = append $sidecars (merge (dict "restartPolicy" "Always") .) -}}{{- end -}}
{{- $beside = list -}}
{{- end -}}
{{- $pod := dict
  "initContainers" (concat (default list $settings.initContainers) $sidecars (default list $spec.initContainers))
  "containers" (concat $spec.containers $beside)
  "volumes" (include "chatbot.pod.joined" (list "name" (concat (default list $spec.volumes) $added.volumes) $settings.extraVolumes) | fromJsonArray)
  "securityContext" (include "chatbot.withoutNulls" $settings.podSecurityContext | fromJson)
  "imagePullSecrets" (include "chatbot.pod.pullSecrets" .root | fromJsonArray)
  "topologySpreadConstraints" (include "chatbot.pod.spread" . | fromJsonArray)
-}}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "priorityClassName" "schedulerName" "hostAliases" "dnsPolicy" "dnsConfig" -}}
{{- $_ := set $pod $key (get $settings $key) -}}
{{- end -}}
{{- range $key, $value := $pod -}}{{- if $value -}}{{- $_ := set $spec $key $value -}}{{- end -}}{{- end -}}
{{- $_ := set $spec "serviceAccountName" (include "chatbot.serviceAccountName" .root) -}}
{{- $_ := set $spec "automountServiceAccountToken" false -}}
{{- $_ := set $spec "enableServiceLinks" false -}}
{{- toYaml $spec -}}
{{- end -}}

{{/*
Labels of a component's pods: nothing that changes with a version, or every chart upgrade would restart the models. A Job's
pod template cannot be changed, so commonLabels stay out of it: another label would be another Job, and another download.
*/}}
{{- define "chatbot.pod.labels" -}}
{{- $own := merge (include "chatbot.selector" . | fromYaml) (dict "app.kubernetes.io/part-of" "chatbot") -}}
{{- $common := ternary dict (default dict .root.Values.commonLabels) (eq (default "" .kind) "Job") -}}
{{- merge $own (default dict .settings.podLabels) $common | toYaml -}}
{{- end -}}

{{/* metadata and spec below `template:`, with the arguments of chatbot.pod.spec, "annotations" of the chart's own, "several" true where its replicas are pods of one component, and "kind" "Job" for a Job's. */}}
{{- define "chatbot.pod.template" -}}
metadata:
  labels: {{- include "chatbot.pod.labels" . | nindent 4 }}
  {{- with merge (default dict .annotations) (default dict .settings.podAnnotations) }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec: {{- include "chatbot.pod.spec" . | nindent 2 }}
{{- end -}}

{{- define "chatbot.pod.pullSecrets" -}}
{{- $secrets := list -}}
{{- range .Values.images.pullSecrets -}}{{- $secrets = append $secrets (dict "name" .) -}}{{- end -}}
{{- toJson $secrets -}}
{{- end -}}

{{/*
The operator's constraints; one without a labelSelector counts the component's pods. Without any, pods that may be "several"
are spread over nodes where that is possible, those of an upgrade without the ones that they replace. A single pod has the
constraint too: another number of pods must replace none.
*/}}
{{- define "chatbot.pod.spread" -}}
{{- $spread := list -}}
{{- $selector := dict "matchLabels" (include "chatbot.selector" . | fromYaml) -}}
{{- $asked := default list .settings.topologySpreadConstraints -}}
{{- if and .several (not $asked) -}}
{{- $asked = list (dict "maxSkew" 1 "topologyKey" "kubernetes.io/hostname" "whenUnsatisfiable" "ScheduleAnyway" "matchLabelKeys" (list "pod-template-hash")) -}}
{{- end -}}
{{- range $asked -}}
{{- $spread = append $spread (ternary . (merge (dict "labelSelector" $selector) .) (hasKey . "labelSelector")) -}}
{{- end -}}
{{- toJson $spread -}}
{{- end -}}

{{/*
The chart's entries and the operator's as JSON: (list KEY CHART'S OPERATOR'S). One of the operator's takes the place of the
chart's: two of one name, or at one path, are no valid list.
*/}}
{{- define "chatbot.pod.joined" -}}
{{- $key := index . 0 -}}
{{- $own := default list (index . 2) -}}
{{- $taken := list -}}
{{- range $own -}}{{- $taken = append $taken (get . $key | trimSuffix "/") -}}{{- end -}}
{{- $joined := list -}}
{{- range index . 1 -}}{{- if not (has (get . $key) $taken) -}}{{- $joined = append $joined . -}}{{- end -}}{{- end -}}
{{- concat $joined $own | toJson -}}
{{- end -}}

{{/* A map as JSON without the keys that the operator set to null. */}}
{{- define "chatbot.withoutNulls" -}}
{{- $kept := dict -}}
{{- range $key, $value := . -}}{{- if not (kindIs "invalid" $value) -}}{{- $_ := set $kept $key $value -}}{{- end -}}{{- end -}}
{{- toJson $kept -}}
{{- end -}}

{{/* Figures of a probe, in the place after its check. */}}
{{- define "chatbot.probe" -}}
{{- with include "chatbot.withoutNulls" . | fromJson -}}{{- toYaml . -}}{{- end -}}
{{- end -}}

{{/* A value as text; YAML's numbers arrive as floats, and a million must not become 1e+06. */}}
{{- define "chatbot.scalar" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}{{ int64 . }}{{- else -}}{{ . }}{{- end -}}
{{- end -}}

{{/* Environment from a map of plain values, sorted by name so that renders are stable. */}}
{{- define "chatbot.env" -}}
{{- range $name := keys . | sortAlpha }}
- {name: {{ $name }}, value: {{ include "chatbot.scalar" (get $ $name) | quote }}}
{{- end }}
{{- end -}}

{{/*
Waits between removal from the Service and SIGTERM, so that routers turn to another pod first. A single pod has one too: the
pod that takes its place in an upgrade.
*/}}
{{- define "chatbot.preStop" -}}
{{- with .Values.timeouts.preStopSeconds }}
lifecycle:
  preStop:
    sleep: {seconds: {{ int . }}}
{{- end }}
{{- end -}}
