{{/* Service links would put SUNSWEEP_PORT=tcp://… into the environment of every pod, where a Service is called so. */}}
{{- define "sunsweep.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "sunsweep.spread" -}}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "sunsweep.selector" $ | nindent 8 }}
  {{- end }}
{{- end -}}

{{- define "sunsweep.container" -}}
command: [sunsweep]
image: {{ include "sunsweep.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
volumeMounts:
  - name: secrets
    mountPath: /run/secrets/sunsweep
    readOnly: true
  - name: tmp
    mountPath: /tmp
{{- end -}}

{{- define "sunsweep.tmpVolume" -}}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- end -}}

{{/* A process that is not asked for readiness by anybody: it takes no requests. */}}
{{- define "sunsweep.workerProbes" -}}
ports:
  - name: http
    containerPort: 8000
startupProbe:
  httpGet:
    path: /healthz
    port: http
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet:
    path: /healthz
    port: http
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet:
    path: /healthz
    port: http
  periodSeconds: 10
  timeoutSeconds: 5
{{- end -}}

{{- define "sunsweep.metricsEnv" -}}
- name: SUNSWEEP_METRICS_HOST
  value: 0.0.0.0
- name: SUNSWEEP_METRICS_PORT
  value: "8000"
{{- end -}}
