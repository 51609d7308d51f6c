{{/*
Secrets, ConfigMaps and claims that the values name and the chart does not make, as `kubectl get` takes them: a pod waits for a
missing one without saying a word. What podDefaults and the components' own keys name is not among them.
*/}}
{{- define "chatbot.named" -}}
{{- $v := .Values -}}
{{- $secrets := list
  $v.models.token.secretName $v.openai.secretName $v.access.secretName $v.caBundle.secretName $v.proxy.secretName
  (ternary $v.history.external.secretName "" (eq $v.history.mode "external"))
  (ternary $v.history.bundled.auth.secretName "" (eq $v.history.mode "bundled"))
  (ternary $v.search.secretName "" $v.search.enabled)
  (ternary $v.backup.encryption.secretName "" $v.backup.enabled)
  (ternary $v.ingress.tls.secretName "" $v.ingress.enabled)
-}}
{{- $claims := list -}}
{{- range $purpose, $storage := $v.storage -}}
{{- $used := or (has $purpose (list "models" "data")) (and (eq $purpose "libs") (eq $v.libs.source "pvc")) (and (eq $purpose "backups") $v.backup.enabled) (and (eq $purpose "results") (or $v.loadTest.enabled $v.loadTest.dashboard.enabled)) -}}
{{- if and $used (eq $storage.kind "existing") -}}{{- $claims = append $claims $storage.claimName -}}{{- end -}}
{{- end -}}
{{- $named := list -}}
{{- range $kind, $names := dict "secret" (concat $secrets $v.images.pullSecrets) "configmap" (list $v.prompts.configMapName $v.caBundle.configMapName) "pvc" $claims -}}
{{- range compact $names | uniq -}}{{- $named = append $named (printf "%s/%s" $kind .) -}}{{- end -}}
{{- end -}}
{{- join " " $named -}}
{{- end -}}
