{{/* The compiled engine in a pod, in three ways; services always find it below /opt/python-libs. */}}

{{/* cpu or cuda: what the values say, or what the services need. */}}
{{- define "chatbot.libs.variant" -}}
{{- $cards := list -}}
{{- range $name, $service := include "chatbot.services" . | fromJson -}}
{{- if and $service.gpu.enabled (ne (int $service.gpu.layers) 0) -}}{{- $cards = append $cards $name -}}{{- end -}}
{{- end -}}
{{- if and $cards (eq .Values.libs.variant "cpu") -}}
{{- fail (printf "libs.variant is cpu, but services.%s computes on a card: set libs.variant to cuda (it serves CPUs too), or services.%s.gpu.layers to 0" (first $cards) (first $cards)) -}}
{{- end -}}
{{- default (ternary "cuda" "cpu" (not (empty $cards))) .Values.libs.variant -}}
{{- end -}}

{{/* The image as chatbot.image takes it: (include … | fromJson). */}}
{{- define "chatbot.libs.image" -}}
{{- $image := deepCopy .Values.libs.image -}}
{{- if not (or $image.tag $image.digest) -}}
{{- $_ := set $image "tag" (printf "%s-%s" .Chart.AppVersion (include "chatbot.libs.variant" .)) -}}
{{- end -}}
{{- $image | toJson -}}
{{- end -}}

{{/* Folder on the libs volume for this image: another reference is another folder, so a rollback finds the old one. */}}
{{- define "chatbot.libs.version" -}}
{{- include "chatbot.hash" (include "chatbot.image" (dict "root" . "image" (include "chatbot.libs.image" . | fromJson))) -}}
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
    reference: {{ include "chatbot.image" (dict "root" . "image" (include "chatbot.libs.image" . | fromJson)) }}
    pullPolicy: {{ .Values.images.pullPolicy }}
{{- else -}}
- {{- include "chatbot.volume" (dict "root" . "purpose" "libs" "readOnly" true) | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The init container that copies the libraries, or waits until the Job has put them on their volume. */}}
{{- define "chatbot.libs.init" -}}
{{- if ne .Values.libs.source "image" -}}
- name: libs
  {{- include "chatbot.containerImage" (dict "root" . "image" (include "chatbot.libs.image" . | fromJson)) | nindent 2 }}
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
  resources: {{- toYaml .Values.libs.resources | nindent 4 }}
{{- end -}}
{{- end -}}
