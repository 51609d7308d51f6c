{{/*
The one route table: nginx, Ingress and HTTPRoutes are rendered from it.
JSON {"routes": [{"name", "path", "service", "port", "balanced", "pods", "entry"}]}; what no route takes belongs to the
gateway's 404 page. "balanced" is true where a service may have several pods, "pods" the name that resolves to each of them;
"entry" {"name", "port"} is the Service that routers ask: the gateway's where its balancer chooses the pod.
*/}}
{{- define "chatbot.routes" -}}
{{- $routes := list -}}
{{- range $name, $service := include "chatbot.services" . | fromJson -}}
{{- $object := include "chatbot.name" (dict "root" $ "component" $name) -}}
{{- $port := $service.port | int -}}
{{- $balanced := and $.Values.gateway.enabled (gt (include "chatbot.service.mostPods" $service | int) 1) -}}
{{- $gateway := dict "name" (include "chatbot.name" (dict "root" $ "component" "gateway")) "port" ($.Values.gateway.port | int) -}}
{{- $routes = append $routes (dict
  "name" $name "path" (printf "/%s" $name) "service" $object "port" $port
  "balanced" $balanced "pods" (printf "%s-pods" $object)
  "entry" (ternary $gateway (dict "name" $object "port" $port) $balanced)
) -}}
{{- end -}}
{{- dict "routes" $routes | toJson -}}
{{- end -}}
