{{/* The compiled engine in a pod, in three ways; services always find it below /opt/python-libs. */}}

{{/* Folder on the libs volume for this image: another reference is another folder, so a rollback finds the old one. */}}
{{- define "chatbot.libs.version" -}}
{{- include "chatbot.hash" (include "chatbot.image" (dict "root" . "image" .Values.libs.image)) -}}
{{- end -}}

{{/* What PYTHONPATH must name. */}}
{{- define "chatbot.libs.path" -}}
{{- if eq .Values.libs.source "pvc" -}}
/opt/python-libs/{{ include "chatbot.libs.version" . }}
{{- else -}}
/opt/python-libs
{{- end -}}
{{- end -}}

{{- define "chatbot.libs.mount" -}}
- {name: libs, mountPath: /opt/python-libs, readOnly: true}
{{- end -}}

{{- define "chatbot.libs.volume" -}}
{{- if eq .Values.libs.source "copy" -}}
- name: libs
  emptyDir: {sizeLimit: {{ .Values.libs.sizeLimit }}}
{{- else if eq .Values.libs.source "image" -}}
- name: libs
  image:
    reference: {{ include "chatbot.image" (dict "root" . "image" .Values.libs.image) }}
    pullPolicy: {{ .Values.images.pullPolicy }}
{{- else -}}
- {{- include "chatbot.volume" (dict "root" . "purpose" "libs" "readOnly" true) | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The init container that copies the libraries, or waits until the Job has put them on their volume. */}}
{{- define "chatbot.libs.init" -}}
{{- if ne .Values.libs.source "image" -}}
- name: libs
  {{- include "chatbot.containerImage" (dict "root" . "image" .Values.libs.image) | nindent 2 }}
  {{- if eq .Values.libs.source "copy" }}
  command: [cp, -PR, /opt/python-libs/., /target/]
  volumeMounts:
    - {name: libs, mountPath: /target}
  {{- else }}
  command:
    - sh
    - -c
    - until [ -f {{ include "chatbot.libs.path" . }}/manifest.json ]; do echo "waiting for {{ include "chatbot.libs.path" . }}, which the libs Job fills"; sleep 2; done
  volumeMounts:
    - {name: libs, mountPath: /opt/python-libs, readOnly: true}
  {{- end }}
  {{- include "chatbot.containerSecurity" . | nindent 2 }}
  resources: {{- toYaml .Values.libs.resources | nindent 4 }}
{{- end -}}
{{- end -}}
