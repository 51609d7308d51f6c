{{/*
The one route table: nginx, Ingress and HTTPRoutes are rendered from it.
JSON {"routes": [{"name", "path", "service", "port"}]}; what no route takes belongs to the gateway's 404 page.
*/}}
{{- define "chatbot.routes" -}}
{{- $routes := list -}}
{{- range $name, $service := include "chatbot.services" . | fromJson -}}
{{- $object := include "chatbot.name" (dict "root" $ "component" $name) -}}
{{- $routes = append $routes (dict "name" $name "path" (printf "/%s" $name) "service" $object "port" ($service.port | int)) -}}
{{- end -}}
{{- dict "routes" $routes | toJson -}}
{{- end -}}
