{{/*
The one route table: nginx, Ingress and HTTPRoutes are rendered from it.
JSON {"routes": [{"name", "path", "service", "port"}]}; what no route takes belongs to the gateway's 404 page.
*/}}
{{- define "chatbot.routes" -}}
{{- $routes := list -}}
{{- range $name, $service := .Values.services -}}
{{- if $service.enabled -}}
{{- $object := include "chatbot.name" (dict "root" $ "component" $name) -}}
{{- $routes = append $routes (dict "name" $name "path" $service.path "service" $object "port" ($service.port | int)) -}}
{{- end -}}
{{- end -}}
{{- if not $routes -}}
{{- fail "no service is enabled: set services.office.enabled or services.character.enabled" -}}
{{- end -}}
{{- dict "routes" $routes | toJson -}}
{{- end -}}
