{{/* Models: which file a service uses, and the catalogue that the Job downloads. */}}

{{/* The catalogue's entry of one service as JSON: (dict "root" $ "name" "office" "service" …). */}}
{{- define "chatbot.model" -}}
{{- $catalogue := .root.Values.models.catalogue -}}
{{- if not (hasKey $catalogue .service.model) -}}
{{- fail (printf "services.%s.model is %q, which models.catalogue does not have: add it there or choose one of %s" .name .service.model (keys $catalogue | sortAlpha | join ", ")) -}}
{{- end -}}
{{- get $catalogue .service.model | toJson -}}
{{- end -}}

{{/* Folder of the files in a pod. */}}
{{- define "chatbot.models.folder" -}}
/models{{ with .Values.models.subPath }}/{{ . }}{{ end }}
{{- end -}}

{{/* What one Job downloads, as JSON: (dict "root" $ "only" "office"); all enabled services without "only". */}}
{{- define "chatbot.models.catalogue" -}}
{{- $files := dict -}}
{{- range $name, $service := include "chatbot.services" .root | fromJson -}}
{{- if or (not $.only) (eq $name $.only) -}}
{{- $model := include "chatbot.model" (dict "root" $.root "name" $name "service" $service) | fromJson -}}
{{- $_ := set $files $service.model (pick $model "repository" "revision" "file" "sha256") -}}
{{- end -}}
{{- end -}}
{{- dict "models" $files | toPrettyJson -}}
{{- end -}}

{{/* Seconds that a pod waits for its file: as long as a download may take, or a moment where the operator filled the volume. */}}
{{- define "chatbot.models.waitSeconds" -}}
{{- ternary (int .Values.models.deadlineSeconds) 30 (eq .Values.models.source "download") -}}
{{- end -}}

{{/* Waits for the service's file, says how far it is, and ends in a sentence when it cannot come. */}}
{{- define "chatbot.models.wait" -}}
{{- $model := include "chatbot.model" . | fromJson -}}
- name: model
  {{- include "chatbot.containerImage" (dict "root" .root "image" .service.image) | nindent 2 }}
  args:
    - models
    - wait
    - --folder={{ include "chatbot.models.folder" .root }}
    - --file={{ $model.file }}
    - --seconds={{ include "chatbot.models.waitSeconds" .root }}
  resources: {{- toYaml .root.Values.models.wait.resources | nindent 4 }}
  volumeMounts:
    - {name: models, mountPath: /models, readOnly: true}
    - {name: tmp, mountPath: /tmp}
{{- end -}}

{{/* The own part of a download Job's pod: (dict "root" $ "only" "office" "image" …), and for a volume of one service's own "service" and its name as "beside". */}}
{{- define "chatbot.models.pod" -}}
{{- $v := .root.Values -}}
restartPolicy: Never
containers:
  - name: download
    {{- include "chatbot.containerImage" (dict "root" .root "image" .image) | nindent 4 }}
    args:
      - models
      - download
      - --catalogue=/etc/chatbot/models/catalogue.json
      - --folder={{ include "chatbot.models.folder" .root }}
      # Pods that wait may not ask Kubernetes about this Job: they read on the volume how its tries go.
      - --run=$(JOB)
      - --tries={{ add1 (int $v.models.backoffLimit) }}
    env:
      - name: JOB
        valueFrom: {fieldRef: {fieldPath: "metadata.labels['batch.kubernetes.io/controller-uid']"}}
      - {name: HF_ENDPOINT, value: {{ $v.models.endpoint | quote }}}
      - {name: HF_HUB_DISABLE_TELEMETRY, value: "1"}
      {{- with $v.models.env }}
      {{- include "chatbot.env" . | trim | nindent 6 }}
      {{- end }}
      {{- with $v.models.token }}
      {{- if .secretName }}
      - name: HF_TOKEN
        valueFrom: {secretKeyRef: {name: {{ .secretName | quote }}, key: {{ .key | quote }}}}
      {{- end }}
      {{- end }}
    resources: {{- toYaml $v.models.resources | nindent 6 }}
    volumeMounts:
      - {name: models, mountPath: /models}
      - {name: catalogue, mountPath: /etc/chatbot/models, readOnly: true}
      - {name: tmp, mountPath: /tmp}
volumes:
  - {{- include "chatbot.volume" (dict "root" .root "purpose" "models" "service" .only) | nindent 4 }}
  - name: catalogue
    configMap:
      name: {{ include "chatbot.models.configName" . }}
  - name: tmp
    emptyDir: {}
{{- end -}}

{{/* Name of the catalogue's ConfigMap; it carries its content's hash, so that a Job reads what it was made for. */}}
{{- define "chatbot.models.configName" -}}
{{- printf "%s-models%s-%s" (include "chatbot.fullname" .root) (ternary (printf "-%s" .only) "" (not (empty .only))) (include "chatbot.hash" (include "chatbot.models.catalogue" .)) -}}
{{- end -}}

{{/*
What an operator says of a download Job's pod, as JSON, with the same arguments. A volume of one service's own has to come
about where that service runs, which its nodes' labels and taints say. What the service says of other pods is about its own
alone: a Job that kept away from the pod that waits for it would never run.
*/}}
{{- define "chatbot.models.settings" -}}
{{- $settings := include "chatbot.pod.settings" (dict "root" .root "own" .root.Values.models) | fromJson -}}
{{- with .service -}}
{{- $settings = include "chatbot.laidOver" (dict "base" $settings "over" (pick . "nodeSelector")) | fromJson -}}
{{- $nodes := pick (include "chatbot.service.affinity" (dict "service" . "name" $.beside) | fromJson) "nodeAffinity" -}}
{{- $_ := set $settings "affinity" (include "chatbot.laidOver" (dict "base" (default dict $settings.affinity) "over" $nodes) | fromJson) -}}
{{- $_ := set $settings "tolerations" (concat (default list $settings.tolerations) (default list .tolerations) | uniq) -}}
{{- end -}}
{{- $storage := .root.Values.storage.models -}}
{{- if .beside -}}
{{- $single := le (include "chatbot.service.mostPods" .service | int) 1 -}}
{{- if ternary $single (eq $storage.accessMode "ReadWriteOnce") (eq $storage.kind "hostPath") -}}
{{- $settings = include "chatbot.pod.beside" (dict "root" .root "settings" $settings "component" .beside) | fromJson -}}
{{- end -}}
{{- end -}}
{{- toJson $settings -}}
{{- end -}}

{{/* ConfigMap and Job of one volume, with the same arguments. */}}
{{- define "chatbot.models.job" -}}
{{- $this := dict "root" .root "component" "models" "kind" "Job" -}}
{{- $settings := include "chatbot.models.settings" . | fromJson -}}
{{- $template := include "chatbot.pod.template" (merge (dict "settings" $settings "spec" (include "chatbot.models.pod" .) "outside" true) $this) -}}
{{- $name := printf "%s-models%s" (include "chatbot.fullname" .root) (ternary (printf "-%s" .only) "" (not (empty .only))) -}}
{{- /* A Job's name is a label of its pods, at most 63 characters: the hash tells apart what is cut to 54. */ -}}
{{- $name = printf "%s-%s" ($name | trunc 54 | trimSuffix "-") (include "chatbot.hash" $template) }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "chatbot.metadata" (merge (dict "object" (include "chatbot.models.configName" .)) $this) | nindent 2 }}
data:
  catalogue.json: |-
    {{- include "chatbot.models.catalogue" . | nindent 4 }}
---
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "chatbot.metadata" (merge (dict "object" $name) $this) | nindent 2 }}
spec:
  backoffLimit: {{ .root.Values.models.backoffLimit | int }}
  activeDeadlineSeconds: {{ .root.Values.models.deadlineSeconds | int }}
  template: {{- $template | nindent 4 }}
{{- end -}}
