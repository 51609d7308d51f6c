{{/* The own part of the Job's pod, which fills the libs volume once for each image: a folder appears whole, by rename, or not at all. */}}
{{- define "chatbot.libs.pod" -}}
restartPolicy: OnFailure
containers:
  - name: libs
    {{- include "chatbot.containerImage" (dict "root" . "image" (include "chatbot.libs.image" . | fromJson)) | nindent 4 }}
    env:
      - {name: TARGET, value: /target/{{ include "chatbot.libs.version" . }}}
      - name: POD
        valueFrom: {fieldRef: {fieldPath: metadata.name}}
    command:
      - sh
      - -ec
      - |
        if [ -f "$TARGET/manifest.json" ]; then echo "$TARGET is there"; exit 0; fi
        rm -rf "/target/.$POD"
        cp -PR /opt/python-libs "/target/.$POD"
        mv "/target/.$POD" "$TARGET"
        cat "$TARGET/manifest.json"
    volumeMounts:
      - {name: libs, mountPath: /target}
    resources: {{- toYaml .Values.libs.resources | nindent 6 }}
volumes:
  - {{- include "chatbot.volume" (dict "root" . "purpose" "libs") | nindent 4 }}
{{- end -}}
