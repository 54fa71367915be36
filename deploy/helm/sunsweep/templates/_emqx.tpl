{{/* EMQX's variables go before its file. Their values are HOCON, so what may look like a number stands in quotes. */}}
{{- define "sunsweep.emqxPod" -}}
{{- $emqx := .Values.broker.emqx -}}
env:
  - name: DASHBOARD_PASSWORD
    valueFrom:
      secretKeyRef:
        name: {{ include "sunsweep.secret" . }}
        key: emqx-dashboard-password
  - name: EMQX_DASHBOARD__DEFAULT_PASSWORD
    value: '"$(DASHBOARD_PASSWORD)"'
  - name: DATABASE_PASSWORD
    valueFrom:
      secretKeyRef:
        name: {{ include "sunsweep.secret" . }}
        key: emqx-database-password
  {{- range list "EMQX_AUTHENTICATION__1__" "EMQX_AUTHORIZATION__SOURCES__1__" }}
  - name: {{ . }}SERVER
    value: {{ printf "%s:%d" $.Values.database.host (int $.Values.database.port) | quote | squote }}
  - name: {{ . }}DATABASE
    value: {{ $.Values.database.name | quote | squote }}
  - name: {{ . }}USERNAME
    value: {{ $emqx.databaseUser | quote | squote }}
  - name: {{ . }}PASSWORD
    value: '"$(DATABASE_PASSWORD)"'
  {{- end }}
podSecurityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
containerSecurityContext:
  allowPrivilegeEscalation: false
  capabilities:
    drop: [ALL]
extraVolumes:
  - name: certificates
    secret:
      secretName: {{ $emqx.tlsSecret }}
      defaultMode: 0440
      items:
        - key: ca.crt
          path: ca.crt
        - key: tls.crt
          path: server.crt
        - key: tls.key
          path: server.key
extraVolumeMounts:
  - name: certificates
    mountPath: /opt/emqx/etc/sunsweep
    readOnly: true
resources:
  {{- toYaml $emqx.resources | nindent 2 }}
{{- end -}}
