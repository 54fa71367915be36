{{- define "sunsweep.secret" -}}
{{- required "existingSecret: name the Secret with what the processes must not tell anybody" .Values.existingSecret -}}
{{- end -}}

{{- define "sunsweep.mqttUrl" -}}
{{- if eq .Values.broker.kind "emqx" -}}
mqtt://{{ include "sunsweep.emqx" . }}-listeners:1883
{{- else -}}
{{- required "broker.external.url: mqtts://HOST:8883 or mqtt://HOST:1883" .Values.broker.external.url -}}
{{- end -}}
{{- end -}}

{{/* Empty where no admin interface is known. */}}
{{- define "sunsweep.emqxUrl" -}}
{{- if eq .Values.broker.kind "emqx" -}}
http://{{ include "sunsweep.emqx" . }}-dashboard:18083
{{- else -}}
{{- .Values.broker.external.adminUrl -}}
{{- end -}}
{{- end -}}

{{- define "sunsweep.publicUrl" -}}
{{- if .Values.api.publicUrl -}}
{{- .Values.api.publicUrl -}}
{{- else if .Values.ingress.enabled -}}
https://{{ .Values.ingress.host }}
{{- end -}}
{{- end -}}

{{/* Everybody who asks the database. */}}
{{- define "sunsweep.databaseEnv" -}}
- name: SUNSWEEP_DATABASE_URL
  value: {{ printf "mysql://%s@%s:%d/%s" .Values.database.user (required "database.host: where the database is" .Values.database.host) (int .Values.database.port) .Values.database.name | quote }}
- name: SUNSWEEP_DATABASE_PASSWORD_FILE
  value: /run/secrets/sunsweep/database-password
{{- end -}}

{{/* Everybody who also speaks with the broker. */}}
{{- define "sunsweep.env" -}}
{{ include "sunsweep.databaseEnv" . }}
- name: SUNSWEEP_MQTT_URL
  value: {{ include "sunsweep.mqttUrl" . | quote }}
- name: SUNSWEEP_MQTT_USERNAME
  value: {{ .Values.broker.username | quote }}
- name: SUNSWEEP_MQTT_PASSWORD_FILE
  value: /run/secrets/sunsweep/mqtt-password
{{- if .Values.broker.caSecret }}
- name: SUNSWEEP_MQTT_CA_FILE
  value: /run/secrets/sunsweep/ca.crt
{{- end }}
{{- range $name, $value := .Values.settings }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}

{{/* What serves under `sunsweep serve`. */}}
{{- define "sunsweep.serveEnv" -}}
{{ include "sunsweep.env" . }}
- name: SUNSWEEP_SECRET_KEY_FILE
  value: /run/secrets/sunsweep/secret-key
{{- end -}}

{{/* The files of a container's secrets: `keys` of ours, and the database's password. */}}
{{- define "sunsweep.secretVolume" -}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ default (include "sunsweep.secret" .root) .root.Values.database.existingSecret }}
          items:
            - key: {{ .root.Values.database.passwordKey }}
              path: database-password
      {{- with .keys }}
      - secret:
          name: {{ include "sunsweep.secret" $.root }}
          items:
            {{- range . }}
            - key: {{ . }}
              path: {{ . }}
            {{- end }}
      {{- end }}
      {{- if and .ca .root.Values.broker.caSecret }}
      - secret:
          name: {{ .root.Values.broker.caSecret }}
          items:
            - key: ca.crt
              path: ca.crt
      {{- end }}
{{- end -}}

{{/* The port that a URL names, or the one of its scheme. */}}
{{- define "sunsweep.port" -}}
{{- $parts := urlParse .url -}}
{{- $named := regexFind ":[0-9]+$" $parts.host | trimPrefix ":" -}}
{{- default (index . $parts.scheme) $named -}}
{{- end -}}
