{{/* What the schema cannot say: relations between values. Each message says the fix. */}}

{{- define "chatbot.checks" -}}
{{- include "chatbot.checks.moved" . -}}
{{- include "chatbot.checks.timeouts" . -}}
{{- include "chatbot.checks.secrets" . -}}
{{- include "chatbot.checks.outside" . -}}
{{- include "chatbot.checks.services" . -}}
{{- if .Values.gateway.enabled -}}
{{- include "chatbot.checks.budget" (dict "name" "gateway" "budget" .Values.gateway "pods" (int .Values.gateway.replicas)) -}}
{{- end -}}
{{- $_ := include "chatbot.libs.variant" . -}}
{{- include "chatbot.checks.storage" . -}}
{{- include "chatbot.checks.backup" . -}}
{{- include "chatbot.checks.routing" . -}}
{{- include "chatbot.checks.history" . -}}
{{- end -}}

{{/* Keys of former charts that stand elsewhere now. */}}
{{- define "chatbot.checks.moved" -}}
{{- $moved := dict
  "podSecurity" "podDefaults.podSecurityContext (runAsUser, runAsGroup, fsGroup)"
  "serviceAccountAnnotations" "serviceAccount.annotations"
  "history.bundled.runAsUser" "history.bundled.podSecurityContext (runAsUser, runAsGroup, fsGroup)" -}}
{{- range $path, $place := $moved -}}
{{- $node := $.Values -}}
{{- range $key := splitList "." $path -}}{{- $node = ternary (get (default dict $node) $key) "" (kindIs "map" $node) -}}{{- end -}}
{{- if $node -}}{{- fail (printf "%s is no longer a value: write it as %s" $path $place) -}}{{- end -}}
{{- end -}}
{{- end -}}

{{/* Values are kept in the release and shown by `helm get values`: a secret stands in a Secret, and this says in which. */}}
{{- define "chatbot.checks.secrets" -}}
{{- $plain := dict "models.env" .Values.models.env "history.bundled.env" .Values.history.bundled.env "serviceDefaults.env" .Values.serviceDefaults.env -}}
{{- range $name, $service := include "chatbot.services" . | fromJson -}}{{- $_ := set $plain (printf "services.%s.env" $name) $service.env -}}{{- end -}}
{{- range $path, $env := $plain -}}
{{- range $name, $_ := $env -}}
{{- if regexMatch "(API_KEY|TOKEN|SECRET|PASSWORD|MONGO_URI)$" $name -}}
{{- $place := "extraEnv with a secretKeyRef" -}}
{{- if eq $name "CHATBOT_OPENAI__API_KEY" -}}{{- $place = "openai.secretName" -}}
{{- else if hasPrefix "CHATBOT_SEARCH__" $name -}}{{- $place = "search.secretName" -}}
{{- else if hasSuffix "MONGO_URI" $name -}}{{- $place = "history.external.secretName" -}}
{{- else if eq $name "HF_TOKEN" -}}{{- $place = "models.token.secretName" -}}
{{- else if hasPrefix "MONGO_INITDB_" $name -}}{{- $place = "history.bundled.auth.secretName" -}}
{{- end -}}
{{- fail (printf "%s.%s is a secret, which would stand in the release for everyone to read: use %s" $path $name $place) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "chatbot.checks.outside" -}}
{{- $v := .Values -}}
{{- if and $v.caBundle.configMapName $v.caBundle.secretName -}}
{{- fail "caBundle.configMapName and caBundle.secretName are both set: the certificates come from one of them" -}}
{{- end -}}
{{- if and $v.monitoring.podMonitor.enabled $v.monitoring.serviceMonitor.enabled -}}
{{- fail "monitoring.podMonitor and monitoring.serviceMonitor are both enabled: every request would be counted twice; enable one" -}}
{{- end -}}
{{- end -}}

{{- define "chatbot.checks.timeouts" -}}
{{- $t := .Values.timeouts -}}
{{- $chain := list (list "modelSeconds" $t.modelSeconds) (list "serverSeconds" $t.serverSeconds) (list "proxySeconds" $t.proxySeconds) (list "graceSeconds" $t.graceSeconds) (list "clientSeconds" $t.clientSeconds) -}}
{{- range $i := until (sub (len $chain) 1 | int) -}}
{{- $lower := index $chain $i -}}
{{- $upper := index $chain (add1 $i | int) -}}
{{- if ge (int (index $lower 1)) (int (index $upper 1)) -}}
{{- fail (printf "timeouts must rise from the model to the client, so that the innermost answers first: timeouts.%s (%v) must be below timeouts.%s (%v)" (index $lower 0) (index $lower 1) (index $upper 0) (index $upper 1)) -}}
{{- end -}}
{{- end -}}
{{- if gt (add (int $t.preStopSeconds) (int $t.serverSeconds)) (int $t.graceSeconds | int64) -}}
{{- fail (printf "timeouts.preStopSeconds (%v) + timeouts.serverSeconds (%v) exceed timeouts.graceSeconds (%v): the kubelet would kill requests in flight; raise graceSeconds" $t.preStopSeconds $t.serverSeconds $t.graceSeconds) -}}
{{- end -}}
{{- end -}}

{{- define "chatbot.checks.services" -}}
{{- range $name, $service := include "chatbot.services" . | fromJson -}}
{{- if and (ne (int $service.poolTokens) 0) (lt (int $service.poolTokens) (int $service.contextTokens)) -}}
{{- fail (printf "services.%s.poolTokens (%v) is below contextTokens (%v): one full conversation would not fit the pool; raise poolTokens, lower contextTokens, or let the service choose with poolTokens: 0" $name $service.poolTokens $service.contextTokens) -}}
{{- end -}}
{{- $scaled := $service.autoscaling -}}
{{- if and $scaled.enabled (gt (int $scaled.minReplicas) (int $scaled.maxReplicas)) -}}
{{- fail (printf "services.%s.autoscaling.minReplicas (%v) is above maxReplicas (%v): lower the one or raise the other" $name $scaled.minReplicas $scaled.maxReplicas) -}}
{{- end -}}
{{- include "chatbot.checks.budget" (dict "name" (printf "services.%s" $name) "budget" $service "pods" (include "chatbot.service.mostPods" $service | int)) -}}
{{- include "chatbot.checks.card" (dict "root" $ "name" $name "service" $service) -}}
{{- include "chatbot.checks.vram" (dict "root" $ "name" $name "service" $service) -}}
{{- end -}}
{{- end -}}

{{/* How many of so many pods a budget's figure means: (dict "value" "50%" "pods" 2). Kubernetes rounds shares up. */}}
{{- define "chatbot.budget.number" -}}
{{- $value := include "chatbot.scalar" .value -}}
{{- $number := trimSuffix "%" $value | int -}}
{{- ternary (div (add (mul $number .pods) 99) 100) $number (hasSuffix "%" $value) -}}
{{- end -}}

{{/* A budget that lets no pod go holds up every drain of a node for ever: (dict "name" "gateway" "budget" .Values.gateway "pods" 2). */}}
{{- define "chatbot.checks.budget" -}}
{{- $key := ternary "minAvailable" "maxUnavailable" (not (empty .budget.minAvailable)) -}}
{{- $value := get .budget $key -}}
{{- $number := include "chatbot.budget.number" (dict "value" $value "pods" .pods) | int -}}
{{- $away := ternary (sub .pods $number) $number (eq $key "minAvailable") | int -}}
{{- if and (gt .pods 1) (lt $away 1) -}}
{{- fail (printf "%s.%s (%s) lets none of %d pods go, which holds up every drain of a node: let one go, e.g. %s.maxUnavailable: 1 without minAvailable" .name $key (include "chatbot.scalar" $value) .pods .name) -}}
{{- end -}}
{{- end -}}

{{/* Weights, KV cells and overhead against the card's memory; the same sum as `chatbot doctor` (src/chatbot/domain/vram.py).
     A pool of 0 is made to fit at start: then one full conversation must fit. Beside a pool of q8_0, 34 bytes for 32
     numbers, a card holds a copy of one layer in f16. */}}
{{- define "chatbot.checks.vram" -}}
{{- $s := .service -}}
{{- if and $s.gpu.enabled (gt (int $s.gpu.memoryMiB) 0) (ne (int $s.gpu.layers) 0) -}}
{{- $model := include "chatbot.model" . | fromJson -}}
{{- $all := int64 $model.layers -}}
{{- $on := ternary $all (int64 $s.gpu.layers) (or (lt (int $s.gpu.layers) 0) (gt (int64 $s.gpu.layers) $all)) -}}
{{- $numbers := mul 2 (int64 $model.kvHeads) (int64 $model.headDim) -}}
{{- $tokenBytes := mul 2 $on $numbers -}}
{{- if eq $s.kvType "q8_0" -}}
{{- if not (has (int $model.headDim) (list 64 96 128 256)) -}}
{{- fail (printf "services.%s.kvType is q8_0, which needs flash attention: a card has it for heads of 64, 96, 128 or 256, not %v" .name $model.headDim) -}}
{{- end -}}
{{- $tokenBytes = add (div (mul 34 $on $numbers) 32) (mul 2 $numbers) -}}
{{- end -}}
{{- $weights := div (mul (int64 $model.sizeMiB) $on) $all -}}
{{- $pool := int64 (default $s.contextTokens $s.poolTokens) -}}
{{- $kv := div (add (mul $pool $tokenBytes) 1048575) 1048576 -}}
{{- $overhead := int64 .root.Values.vram.overheadMiB -}}
{{- $needed := add $weights $kv $overhead -}}
{{- $card := int64 $s.gpu.memoryMiB -}}
{{- if gt $needed $card -}}
{{- $left := mul (sub $card (add $weights $overhead)) 1048576 -}}
{{- $fits := ternary (mul (div (div $left $tokenBytes) 256) 256) 0 (gt $left 0) -}}
{{- $advice := ternary (printf "the largest services.%s.poolTokens that fits is %d" .name $fits) "not even the weights fit: choose a smaller quantisation, fewer gpu.layers or a larger card" (ge $fits (int64 $s.contextTokens)) -}}
{{- if and (lt $fits (int64 $s.contextTokens)) (gt $fits 0) -}}
{{- $advice = printf "the largest context that fits is %d tokens (services.%s.poolTokens and contextTokens)" $fits .name -}}
{{- end -}}
{{- fail (printf "services.%s does not fit its card: weights %d + KV %d (%d tokens of %d KiB) + overhead %d = %d MiB of %d MiB; %s" .name $weights $kv $pool (div $tokenBytes 1024) $overhead $needed $card $advice) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Pods of services that share one volume may run on different nodes: several services, or several replicas. */}}
{{- define "chatbot.checks.storage" -}}
{{- $pods := 0 -}}
{{- range include "chatbot.services" . | fromJson -}}{{- $pods = add $pods (include "chatbot.service.mostPods" . | int) -}}{{- end -}}
{{- range $purpose := list "models" "data" -}}
{{- $storage := get $.Values.storage $purpose -}}
{{- if and (eq $storage.kind "shared") (ne $storage.accessMode "ReadWriteMany") (gt (int $pods) 1) -}}
{{- fail (printf "storage.%s is one %s volume, but its pods may run on different nodes: use a StorageClass with ReadWriteMany, or storage.%s.kind=perService (a volume for each service), or on one node alone hostPath" $purpose $storage.accessMode $purpose) -}}
{{- end -}}
{{- if and (eq $storage.kind "perService") (ne $storage.accessMode "ReadWriteMany") -}}
{{- range $name, $service := include "chatbot.services" $ | fromJson -}}
{{- $most := include "chatbot.service.mostPods" $service | int -}}
{{- if gt $most 1 -}}
{{- fail (printf "services.%s may have %d pods, but storage.%s gives it one %s volume: use ReadWriteMany, or one replica without autoscaling" $name $most $purpose $storage.accessMode) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (eq .Values.libs.source "pvc") (eq .Values.storage.libs.kind "shared") (ne .Values.storage.libs.accessMode "ReadWriteMany") (gt (int $pods) 1) -}}
{{- fail (printf "storage.libs is one %s volume for pods on different nodes: use a StorageClass with ReadWriteMany, or libs.source=copy" .Values.storage.libs.accessMode) -}}
{{- end -}}
{{- end -}}

{{- define "chatbot.checks.backup" -}}
{{- if and .Values.backup.enabled (eq .Values.storage.backups.kind "perService") (ne .Values.history.mode "sqlite") -}}
{{- fail (printf "storage.backups.kind is perService, but with history.mode %s one CronJob copies the database: use storage.backups.kind=shared" .Values.history.mode) -}}
{{- end -}}
{{- end -}}

{{- define "chatbot.checks.routing" -}}
{{- if and (or .Values.ingress.enabled .Values.httpRoute.enabled) (not .Values.gateway.enabled) -}}
{{- fail "ingress.enabled and httpRoute.enabled need gateway.enabled: the gateway serves the 404 and outage pages" -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) -}}
{{- fail "httpRoute.enabled needs httpRoute.parentRefs, e.g. [{name: gateway, namespace: ingress}]: a route without a Gateway routes nothing" -}}
{{- end -}}
{{- if and .Values.loadTest.dashboard.enabled (not .Values.gateway.enabled) -}}
{{- fail "loadTest.dashboard.enabled needs gateway.enabled: the gateway serves it" -}}
{{- end -}}
{{- if and .Values.loadTest.enabled (not .Values.gateway.enabled) (gt (len (include "chatbot.loadtest.services" . | fromJson).names) 1) -}}
{{- fail "loadTest.enabled asks several services, which gateway.enabled gives one entry: enable it, or name one service in loadTest.args, e.g. --service=office" -}}
{{- end -}}
{{- end -}}

{{- define "chatbot.checks.history" -}}
{{- $h := .Values.history -}}
{{- if and (eq $h.mode "external") (not $h.external.secretName) -}}
{{- fail "history.mode is external: name the Secret with the MongoDB address in history.external.secretName" -}}
{{- end -}}
{{- if and (eq $h.mode "external") .Values.networkPolicy.enabled (not $h.external.egress) -}}
{{- fail "history.mode is external and networkPolicy is on: allow the way to the database in history.external.egress, e.g. [{to: [{ipBlock: {cidr: 10.0.0.5/32}}], ports: [{port: 27017}]}]" -}}
{{- end -}}
{{- if eq $h.mode "sqlite" -}}
{{- range $name, $service := include "chatbot.services" . | fromJson -}}
{{- if or (gt (int $service.replicas) 1) $service.autoscaling.enabled -}}
{{- fail (printf "history.mode is sqlite, which one process writes: set services.%s.replicas to 1 without autoscaling, or use history.mode bundled or external" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
