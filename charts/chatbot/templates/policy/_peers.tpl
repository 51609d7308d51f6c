{{/* Pieces of NetworkPolicies. An empty list of peers would mean everyone, so none is ever rendered. */}}

{{/* Peers from a value: (dict "peers" … "value" "networkPolicy.ingressFrom"). */}}
{{- define "chatbot.policy.peers" -}}
{{- if not .peers -}}
{{- fail (printf "%s is empty, which a NetworkPolicy reads as everyone: name the peers, or set networkPolicy.enabled to false" .value) -}}
{{- end -}}
{{- toYaml .peers -}}
{{- end -}}

{{/* Pods of this release: (dict "root" $ "components" (list "office" …)). */}}
{{- define "chatbot.policy.components" -}}
{{- if not .components -}}
{{- fail "chatbot.policy.components needs components: an empty list would mean everyone" -}}
{{- end -}}
- podSelector:
    matchLabels:
      app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
    matchExpressions:
      - {key: app.kubernetes.io/component, operator: In, values: {{ .components | toJson }}}
{{- end -}}

{{/* Egress to the cluster's DNS. */}}
{{- define "chatbot.policy.dns" -}}
- to:
    {{- include "chatbot.policy.peers" (dict "peers" .Values.networkPolicy.dnsTo "value" "networkPolicy.dnsTo") | nindent 4 }}
  ports:
    {{- range .Values.networkPolicy.dnsPorts }}
    - {port: {{ int . }}, protocol: UDP}
    - {port: {{ int . }}, protocol: TCP}
    {{- end }}
{{- end -}}

{{/* Egress to the history's database, where it is not a file. */}}
{{- define "chatbot.policy.database" -}}
{{- if eq .Values.history.mode "bundled" -}}
- to:
    {{- include "chatbot.policy.components" (dict "root" . "components" (list "history")) | nindent 4 }}
  ports:
    - {port: mongodb, protocol: TCP}
{{- else if eq .Values.history.mode "external" -}}
{{- toYaml .Values.history.external.egress -}}
{{- end -}}
{{- end -}}

{{/* Egress to the internet, but not into private networks. */}}
{{- define "chatbot.policy.internet" -}}
- to:
    - ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 169.254.0.0/16]}
    - ipBlock: {cidr: "::/0", except: ["fc00::/7", "fe80::/10"]}
  ports:
    - {port: 443, protocol: TCP}
{{- end -}}

{{/* Egress to the proxy of those that ask the internet. */}}
{{- define "chatbot.policy.proxy" -}}
{{- with .Values.proxy.to }}
- to: {{- toYaml . | nindent 4 }}
  ports:
    - {port: {{ $.Values.proxy.port | int }}, protocol: TCP}
{{- end }}
{{- end -}}

{{/*
Who may reach a component's port: (dict "type" "ClusterIP" "port" "http" "from" TEXT). A Service of another type is reached
from outside the cluster, by whom its load balancer lets in.
*/}}
{{- define "chatbot.policy.entry" -}}
{{- if eq .type "ClusterIP" -}}
- from:
    {{- .from | nindent 4 }}
  ports:
    - {port: {{ .port }}, protocol: TCP}
{{- else -}}
# A Service of type {{ .type }} is reached from outside the cluster.
- ports:
    - {port: {{ .port }}, protocol: TCP}
{{- end -}}
{{- end -}}

{{/* Names of the enabled services as JSON. */}}
{{- define "chatbot.policy.services" -}}
{{- dict "names" (keys (include "chatbot.services" . | fromJson) | sortAlpha) | toJson -}}
{{- end -}}

{{/* Head of a policy: (dict "root" $ "component" "office" "types" (list "Ingress" "Egress")). */}}
{{- define "chatbot.policy.head" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "chatbot.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels: {{- include "chatbot.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
{{- end -}}
