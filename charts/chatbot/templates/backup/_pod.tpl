{{/* Copies of the history on a schedule. A database is copied by one CronJob; SQLite files by one for each service, beside its pod. */}}

{{/* The own part of a backup's pod: (dict "root" $ "only" "office" "image" …); "only" where each service has a file of its own. */}}
{{- define "chatbot.backup.pod" -}}
{{- $v := .root.Values -}}
{{- $env := dict
  "CHATBOT_DATA_DIR" (printf "/data/%s" (default "backup" .only))
  "CHATBOT_HISTORY__DATABASE" $v.history.database
  "CHATBOT_HISTORY__TIMEOUT_SECONDS" 10
-}}
{{- with include "chatbot.history.plainUri" .root -}}{{- $_ := set $env "CHATBOT_HISTORY__MONGO_URI" . -}}{{- end -}}
restartPolicy: Never
containers:
  - name: backup
    {{- include "chatbot.containerImage" (dict "root" .root "image" .image) | nindent 4 }}
    args:
      - history
      - backup
      - /backups
      - --keep={{ $v.backup.keep | int }}
      {{- with .only }}
      - --service={{ . }}
      {{- end }}
      {{- if $v.backup.encryption.secretName }}
      - --keys=/etc/chatbot/backup/{{ $v.backup.encryption.key }}
      {{- end }}
    env:
      {{- include "chatbot.env" $env | trim | nindent 6 }}
      {{- include "chatbot.history.secretUri" .root | nindent 6 }}
    resources: {{- toYaml $v.backup.resources | nindent 6 }}
    volumeMounts:
      - {name: backups, mountPath: /backups}
      - {name: data, mountPath: /data}
      - {name: tmp, mountPath: /tmp}
      {{- if $v.backup.encryption.secretName }}
      - {name: keys, mountPath: /etc/chatbot/backup, readOnly: true}
      {{- end }}
volumes:
  - {{- include "chatbot.volume" (dict "root" .root "purpose" "backups" "service" .only) | nindent 4 }}
  {{- if .only }}
  - {{- include "chatbot.volume" (dict "root" .root "purpose" "data" "service" .only) | nindent 4 }}
  {{- else }}
  - name: data
    emptyDir: {}
  {{- end }}
  - name: tmp
    emptyDir: {}
  {{- with $v.backup.encryption.secretName }}
  - name: keys
    secret: {secretName: {{ . | quote }}}
  {{- end }}
{{- end -}}

{{/*
What an operator says of a backup's pod, as JSON, with the same arguments and "service". Processes that share an SQLite file
share memory too, so its copy is made on the node of the service's pod, wherever that may run.
*/}}
{{- define "chatbot.backup.settings" -}}
{{- $settings := include "chatbot.pod.settings" (dict "root" .root "own" .root.Values.backup) | fromJson -}}
{{- if .only -}}
{{- $settings = include "chatbot.pod.beside" (dict "root" .root "settings" $settings "component" .only) | fromJson -}}
{{- $_ := set $settings "tolerations" (concat (default list $settings.tolerations) (default list .service.tolerations)) -}}
{{- end -}}
{{- toJson $settings -}}
{{- end -}}

{{/* A CronJob, with the same arguments. */}}
{{- define "chatbot.backup.cronjob" -}}
{{- $b := .root.Values.backup -}}
{{- $this := dict "root" .root "component" "backup" -}}
{{- $settings := include "chatbot.backup.settings" . | fromJson -}}
{{- /* Its Jobs' names are 11 characters longer, and 63 at most. */ -}}
{{- $name := include "chatbot.cut" (list (printf "%s-backup%s" (include "chatbot.fullname" .root) (ternary (printf "-%s" .only) "" (not (empty .only)))) 52) }}
---
apiVersion: batch/v1
kind: CronJob
metadata:
  {{- include "chatbot.metadata" (merge (dict "object" $name) $this) | nindent 2 }}
spec:
  schedule: {{ $b.schedule | quote }}
  {{- with $b.timeZone }}
  timeZone: {{ . }}
  {{- end }}
  concurrencyPolicy: Forbid
  # A cluster that was down at the time makes the copy within the hour, or at the next time.
  startingDeadlineSeconds: 3600
  successfulJobsHistoryLimit: 1
  failedJobsHistoryLimit: 1
  jobTemplate:
    spec:
      backoffLimit: {{ $b.backoffLimit | int }}
      activeDeadlineSeconds: {{ $b.deadlineSeconds | int }}
      template:
        {{- include "chatbot.pod.template" (merge (dict "settings" $settings "spec" (include "chatbot.backup.pod" .)) $this) | nindent 8 }}
{{- end -}}
