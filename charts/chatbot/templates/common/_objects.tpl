{{/* Objects that several components have. */}}

{{/*
A Service: (dict "root" $ "component" "gateway" "object" "…" "service" .Values.gateway.service "port" 8001 "name" "http"
"target" "http"); object is its name where that is not the component's. With "headless" its name resolves to the pods of that
component.
*/}}
{{- define "chatbot.service" -}}
{{- $service := .service -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "chatbot.metadata" (merge (dict "annotations" $service.annotations) .) | nindent 2 }}
spec:
  type: {{ $service.type }}
  {{- if .headless }}
  clusterIP: None
  {{- end }}
  {{- /* The API refuses what does not belong to the type. */}}
  {{- if eq $service.type "LoadBalancer" }}
  {{- with $service.loadBalancerClass }}
  loadBalancerClass: {{ . | quote }}
  {{- end }}
  {{- with $service.loadBalancerSourceRanges }}
  loadBalancerSourceRanges: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- $outside := ne $service.type "ClusterIP" }}
  {{- with $service.externalTrafficPolicy }}
  {{- if $outside }}
  externalTrafficPolicy: {{ . }}
  {{- end }}
  {{- end }}
  {{- with $service.ipFamilyPolicy }}
  ipFamilyPolicy: {{ . }}
  {{- end }}
  {{- with $service.ipFamilies }}
  ipFamilies: {{- toYaml . | nindent 4 }}
  {{- end }}
  selector: {{- include "chatbot.selector" (dict "root" .root "component" (default .component .headless)) | nindent 4 }}
  ports:
    - name: {{ .name }}
      port: {{ .port | int }}
      targetPort: {{ .target }}
      {{- with $service.nodePort }}
      {{- if $outside }}
      nodePort: {{ . | int }}
      {{- end }}
      {{- end }}
{{- end -}}

{{/*
true where one of these Services surely has an IPv6 address: a list of their blocks. Pods listen on IPv6 only then, because a
node whose kernel has none cannot. Those that take the cluster's default or prefer two families do not tell.
*/}}
{{- define "chatbot.ipv6" -}}
{{- $found := false -}}
{{- range . -}}{{- $found = or $found (has "IPv6" .ipFamilies) (eq (default "" .ipFamilyPolicy) "RequireDualStack") -}}{{- end -}}
{{- if $found -}}true{{- end -}}
{{- end -}}

{{/* A PodDisruptionBudget: (dict "root" $ "component" "gateway" "budget" .Values.gateway "replicas" 2). Only above one replica: on a single pod it would block every node drain for ever. */}}
{{- define "chatbot.pdb" -}}
{{- if gt (int .replicas) 1 -}}
{{- $budget := .budget -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "chatbot.metadata" . | nindent 2 }}
spec:
  {{- if $budget.minAvailable }}
  minAvailable: {{ include "chatbot.scalar" $budget.minAvailable }}
  {{- else }}
  maxUnavailable: {{ include "chatbot.scalar" $budget.maxUnavailable }}
  {{- end }}
  unhealthyPodEvictionPolicy: {{ $budget.unhealthyPodEvictionPolicy }}
  selector:
    matchLabels: {{- include "chatbot.selector" . | nindent 6 }}
{{- end -}}
{{- end -}}
