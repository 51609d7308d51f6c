{{/* skaffold dev: the sources lie in a writable folder that files are synced to, and a change restarts the service. */}}

{{- define "chatbot.dev.init" -}}
- name: sources
  {{- include "chatbot.containerImage" (dict "root" .root "image" .service.image) | nindent 2 }}
  command:
    - python
    - -c
    - |
      import importlib.util, pathlib, shutil
      package = pathlib.Path(importlib.util.find_spec("chatbot").origin).parent
      shutil.copytree(package, "/opt/sources/chatbot", dirs_exist_ok=True)
  resources: {{- toYaml .root.Values.dev.resources | nindent 4 }}
  volumeMounts:
    - {name: sources, mountPath: /opt/sources}
{{- end -}}

{{- define "chatbot.dev.command" -}}
command: [python, -c]
args:
  - {{ .root.Files.Get "files/reload.py" | toJson }}
  - {{ .name }}
{{- end -}}
