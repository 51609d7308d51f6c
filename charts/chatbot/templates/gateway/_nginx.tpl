{{/* The gateway's nginx.conf, from the one route table. The pages are in its image, the list of the services is put into them here: the same bytes as on one machine. */}}
{{- define "chatbot.gateway.conf" -}}
{{- $t := .Values.timeouts -}}
{{- $routes := (include "chatbot.routes" . | fromJson).routes -}}
{{- $balanced := include "chatbot.balancer.services" . -}}
{{- $balancer := printf "http://127.0.0.1:%v" (include "chatbot.balancer.port" .) -}}
{{- $ipv6 := include "chatbot.ipv6" (list .Values.gateway.service .Values.gateway.outageService) -}}
pid /tmp/nginx.pid;
error_log stderr warn;
worker_processes 1;
worker_shutdown_timeout {{ $t.proxySeconds | int }}s;
events { worker_connections 4096; }
http {
    client_body_temp_path /tmp/body;
    proxy_temp_path /tmp/proxy;
    fastcgi_temp_path /tmp/fastcgi;
    uwsgi_temp_path /tmp/uwsgi;
    scgi_temp_path /tmp/scgi;

    # No query in the log: it may name a user.
    log_format json escape=json '{"time":"$time_iso8601","method":"$request_method","path":"$uri","status":$status,'
        '"bytes":$body_bytes_sent,"seconds":$request_time,"upstream_seconds":"$upstream_response_time",'
        '"request_id":"$sent_http_x_request_id"}';
    access_log /dev/stdout json;

    server_tokens off;
    charset utf-8;
    types { text/html html; application/json json; text/csv csv; text/javascript js; text/css css; }
    default_type application/octet-stream;
    client_max_body_size {{ .Values.gateway.bodyLimit }};
    # In memory: a body in a file costs the disk, and a line in the log that is no JSON.
    client_body_buffer_size {{ .Values.gateway.bodyLimit }};
    client_header_timeout 30s;
    client_body_timeout 30s;
    keepalive_timeout 75s;

    map $http_accept $format { default json; ~*text/html html; }
    # The first language that the client names decides; ours is Korean.
    map $http_accept_language $language { default ""; ~*^en .en; }
    map $language $content_language { default ko; .en en; }
    # Headers of the outage page alone; nginx sends none that is empty.
    map $uri $retry_after { default ""; ~^/\.pages/503 10; }
    map $uri $cache_control { default ""; ~^/\.pages/503 no-store; }

    # Answers stream, are never asked twice, and wait longer than the service takes to refuse by itself.
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    # The balancer's alone to say.
    proxy_set_header X-Admission "";
    proxy_buffering off;
    proxy_next_upstream off;
    proxy_connect_timeout 5s;
    proxy_read_timeout {{ $t.proxySeconds | int }}s;
    proxy_send_timeout {{ $t.proxySeconds | int }}s;
    send_timeout {{ $t.proxySeconds | int }}s;

    # Only nginx's own errors get these pages: a service's JSON error passes as it is.
    recursive_error_pages on;
    error_page 404 /.pages/404$language.$format;
    error_page 413 /.pages/413$language.json;
    error_page 502 503 =503 /.pages/503$language.$format;
    error_page 504 = @late;

    server {
        {{- include "chatbot.gateway.listen" (list 8001 $ipv6) | nindent 8 }}
        absolute_redirect off;
        {{- range $routes }}
        {{- $upstream := ternary $balancer (printf "http://%s:%v" .service .port) .balanced }}

        location = {{ .path }} { proxy_pass {{ $upstream }}; }
        location {{ .path }}/ { proxy_pass {{ $upstream }}; }
        {{- end }}
        {{- if $balanced }}

        # Where the balancer found no pod.
        location @outage { return 503; }
        {{- end }}
        {{- if .Values.loadTest.dashboard.enabled }}

        location = /loadtest { return 308 /loadtest/; }
        location /loadtest/ {
            alias /srv/results/;
            index index.html;
            error_page 403 =404 /.pages/404$language.$format;
            add_header X-Content-Type-Options nosniff always;
            add_header Cache-Control no-store always;
        }
        {{- end }}

        location / { return 404; }
        {{- include "chatbot.gateway.pages" . | nindent 8 }}
    }

    # The outage port: 503 whatever the path, for an Ingress whose service has no pod.
    server {
        {{- include "chatbot.gateway.listen" (list 8503 $ipv6) | nindent 8 }}
        location / { return 503; }
        {{- include "chatbot.gateway.pages" . | nindent 8 }}
    }

    # The gateway's own probe; /healthz of the main port belongs to nobody.
    server {
        {{- include "chatbot.gateway.listen" (list 8081 $ipv6) | nindent 8 }}
        access_log off;
        location = /healthz { return 204; }
        {{- if $balanced }}
        location = /balancer { proxy_pass {{ $balancer }}/healthz; }
        {{- end }}
        location / { return 404; }
    }
}
{{- end -}}

{{- define "chatbot.gateway.listen" -}}
listen {{ index . 0 }};
{{- if index . 1 }}
listen [::]:{{ index . 0 }};
{{- end }}
{{- end -}}

{{- define "chatbot.gateway.pages" -}}
location @late {
    # No connection at all: the service is down, not slow.
    if ($upstream_connect_time = "-") { return 503; }
    rewrite ^ /.pages/504$language.json last;
}
location /.pages/ {
    internal;
    root /usr/share/chatbot;
    add_header Vary "Accept, Accept-Language" always;
    add_header Content-Language $content_language always;
    add_header Retry-After $retry_after always;
    add_header Cache-Control $cache_control always;
    # The list of the services, as src/chatbot/api/notfound.py writes it.
    {{- $services := keys (include "chatbot.services" . | fromJson) | sortAlpha }}
    sub_filter_types application/json;
    sub_filter '"services": []' '"services": [{{ range $i, $name := $services }}{{ if $i }}, {{ end }}"{{ $name }}"{{ end }}]';
    {{- $titles := .Files.Get "files/titles.json" | fromJson }}
    sub_filter '<!-- services -->' '{{ range $services }}<li class="card"><strong>{{ with get $titles . }}<span lang="ko">{{ .ko }}</span> <span lang="en">{{ .en }}</span>{{ else }}{{ . }}{{ end }}</strong><a class="path" href="/{{ . }}/">/{{ . }}/</a><a class="path" href="/{{ . }}/docs">/{{ . }}/docs</a></li>{{ end }}';
}
{{- end -}}
