{{/* The settings of one service as environment: (dict "root" $ "name" "office" "service" …). */}}
{{- define "chatbot.service.env" -}}
{{- $v := .root.Values -}}
{{- $s := .service -}}
{{- $prefix := printf "CHATBOT_%s__" (upper .name) -}}
{{- $model := include "chatbot.model" . | fromJson -}}
{{- $env := dict
  "PYTHONPATH" (include "chatbot.libs.path" .root)
  "CHATBOT_HOST" (ternary "::" "0.0.0.0" (not (empty (include "chatbot.ipv6" (list $s.service)))))
  "CHATBOT_DATA_DIR" (printf "/data/%s" .name)
  "CHATBOT_MODELS_DIR" (include "chatbot.models.folder" .root)
  "CHATBOT_DEADLINE_SECONDS" $v.timeouts.modelSeconds
  "CHATBOT_DRAIN_SECONDS" $v.timeouts.serverSeconds
  "CHATBOT_TRUSTED_PROXIES" (join "," $v.trustedProxies)
  "CHATBOT_LOG_FORMAT" $v.log.format
  "CHATBOT_LOG_LEVEL" $v.log.level
  "CHATBOT_HISTORY__DATABASE" $v.history.database
  "CHATBOT_HISTORY__RETENTION_DAYS" $v.history.retentionDays
  "CHATBOT_HISTORY__TIMEOUT_SECONDS" $v.history.timeoutSeconds
  (printf "%sPORT" $prefix) $s.port
  (printf "%sMODEL" $prefix) $model.file
  (printf "%sCONTEXT_TOKENS" $prefix) $s.contextTokens
  (printf "%sPOOL_TOKENS" $prefix) $s.poolTokens
  (printf "%sKV_TYPE" $prefix) $s.kvType
  (printf "%sHOST_CACHE_MIB" $prefix) $s.hostCacheMiB
  (printf "%sKOREAN_LETTERS" $prefix) $s.koreanLetters
  (printf "%sSUMMARIES" $prefix) $s.summaries
  (printf "%sMAX_TOKENS" $prefix) $s.maxTokens
  (printf "%sPARALLEL" $prefix) $s.parallel
  (printf "%sTHREADS" $prefix) $s.threads
  (printf "%sGPU_LAYERS" $prefix) (ternary $s.gpu.layers 0 $s.gpu.enabled)
-}}
{{- range $key, $value := $s.sampling -}}
{{- $_ := set $env (printf "%s%s" $prefix (upper (snakecase $key))) (ternary (toJson $value) $value (or (kindIs "slice" $value) (kindIs "map" $value))) -}}
{{- end -}}
{{- with include "chatbot.history.plainUri" .root -}}{{- $_ := set $env "CHATBOT_HISTORY__MONGO_URI" . -}}{{- end -}}
{{- /* Without the way out, the one provider that needs no key would only be waited for. */ -}}
{{- if not $v.search.enabled -}}{{- $_ := set $env "CHATBOT_SEARCH__WIKIPEDIA" false -}}{{- end -}}
{{- with $v.openai.baseUrl -}}{{- $_ := set $env "CHATBOT_OPENAI__BASE_URL" . -}}{{- end -}}
{{- if $v.access.secretName -}}{{- $_ := set $env "CHATBOT_ACCESS__KEYS_FILE" (printf "/etc/chatbot/access/%s" $v.access.key) -}}{{- end -}}
{{- if $v.prompts.configMapName -}}{{- $_ := set $env "CHATBOT_PROMPTS_DIR" "/etc/chatbot/prompts" -}}{{- end -}}
{{- /* One by one: merge would take a 0 or false of the operator's for nothing. */ -}}
{{- range $key, $value := $s.env -}}{{- $_ := set $env $key $value -}}{{- end -}}
{{- include "chatbot.env" $env }}
{{- include "chatbot.service.secretEnv" . }}
{{- end -}}

{{/* Secrets only by reference: the database's address, the OpenAI key. */}}
{{- define "chatbot.service.secretEnv" -}}
{{- include "chatbot.history.secretUri" .root }}
{{- with .root.Values.openai }}
{{- if .secretName }}
- name: CHATBOT_OPENAI__API_KEY
  valueFrom: {secretKeyRef: {name: {{ .secretName | quote }}, key: {{ .key | quote }}}}
{{- end }}
{{- end }}
{{- end -}}
