{{- /* What every pod has: (list $ "server"). With a shared process namespace no process of ours is
PID 1, which would ignore SIGTERM until its handler stands. */ -}}
{{- define "tidecast.podSpec" -}}
{{- $root := index . 0 -}}
serviceAccountName: {{ include "tidecast.serviceAccount" . }}
automountServiceAccountToken: false
enableServiceLinks: false
shareProcessNamespace: true
securityContext: {{- include "tidecast.podSecurity" 10001 | nindent 2 }}
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- with $root.Values.scheduling }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tidecast.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "tidecast.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- /* What every container of our image has. Its /tmp is its own: BentoML wipes what it finds. */ -}}
{{- define "tidecast.container" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
name: {{ $name }}
image: {{ include "tidecast.image" $root }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
securityContext: {{- include "tidecast.containerSecurity" $root | nindent 2 }}
{{- end -}}

{{- define "tidecast.mounts" -}}
- {name: config, mountPath: /etc/tidecast, readOnly: true}
- {name: {{ . }}-tmp, mountPath: /tmp}
{{- end -}}

{{- /* (list $ "server" "migrate"): the settings file and a /tmp for each container. */ -}}
{{- define "tidecast.volumes" -}}
- name: config
  configMap: {name: {{ include "tidecast.fullname" (index . 0) }}-config}
{{- range slice . 1 }}
- name: {{ . }}-tmp
  emptyDir: {sizeLimit: 512Mi}
{{- end }}
{{- end -}}

{{- /* The driver reads PGUSER and PGPASSWORD itself: a password in the URL would have to be quoted. */ -}}
{{- define "tidecast.databaseEnv" -}}
- name: PGUSER
  valueFrom: {secretKeyRef: {name: {{ include "tidecast.databaseSecret" . }}, key: username}}
- name: PGPASSWORD
  valueFrom: {secretKeyRef: {name: {{ include "tidecast.databaseSecret" . }}, key: password}}
{{- end -}}

{{- define "tidecast.env" -}}
- {name: TIDECAST_CONFIG_FILE, value: /etc/tidecast/config.yaml}
- {name: TIDECAST_DATABASE_URL, value: "postgresql://{{ include "tidecast.databaseAddress" . }}"}
- {name: TIDECAST_MLFLOW_TRACKING_URI, value: {{ include "tidecast.trackingUri" . | quote }}}
{{ include "tidecast.databaseEnv" . }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tidecast.exchangeKeys" -}}
{{- with .Values.ingestion.existingSecret }}
envFrom:
  - secretRef: {name: {{ . }}}
{{- end }}
{{- end -}}

{{- /* A Job is retried neither for wrong arguments (2) or settings (64), nor for a refused input (65),
too few candles (66), or too little memory (137): each would end the same again. (list "container" "FailJob") */ -}}
{{- define "tidecast.podFailurePolicy" -}}
rules:
  - action: Ignore
    onPodConditions: [{type: DisruptionTarget, status: "True"}]
  - action: {{ index . 1 }}
    onExitCodes: {containerName: {{ index . 0 }}, operator: In, values: [2, 64, 65, 66, 137]}
{{- end -}}
