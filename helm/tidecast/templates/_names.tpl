{{- /* Everything is named after the release. 40 characters leave room for the longest suffix of a
CronJob, whose name may have 52. */ -}}
{{- define "tidecast.fullname" -}}
{{- $name := ternary .Release.Name (printf "%s-tidecast" .Release.Name) (contains "tidecast" .Release.Name) -}}
{{- $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "tidecast.selectorLabels" -}}
app.kubernetes.io/name: tidecast
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tidecast.labels" -}}
{{ include "tidecast.selectorLabels" . }}
app.kubernetes.io/part-of: tidecast
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- /* Metadata of an object of one component: (list $ "server"). */ -}}
{{- define "tidecast.metadata" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
name: {{ include "tidecast.fullname" $root }}-{{ $component }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- include "tidecast.labels" $root | nindent 2 }}
  app.kubernetes.io/component: {{ $component }}
{{- end -}}

{{- define "tidecast.componentLabels" -}}
{{ include "tidecast.selectorLabels" (index . 0) }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- /* (list $ "server"); those without rights of their own share one. */ -}}
{{- define "tidecast.serviceAccount" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $own := get $root.Values.serviceAccounts $component | default dict -}}
{{- $own.name | default (printf "%s-%s" (include "tidecast.fullname" $root) (ternary $component "backing" (hasKey $root.Values.serviceAccounts $component))) -}}
{{- end -}}

{{- define "tidecast.image" -}}
{{- $image := .Values.image -}}
{{- with $image.registry }}{{ . }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default .Chart.AppVersion }}{{ end -}}
{{- end -}}

{{- define "tidecast.databaseSecret" -}}
{{- if .Values.database.bundled.enabled -}}
{{- .Values.database.bundled.existingSecret | default (printf "%s-postgresql" (include "tidecast.fullname" .)) -}}
{{- else -}}
{{- required "database.external.existingSecret: name the Secret with the keys `username` and `password`, or set database.bundled.enabled" .Values.database.external.existingSecret -}}
{{- end -}}
{{- end -}}

{{- define "tidecast.databaseAddress" -}}
{{- if .Values.database.bundled.enabled -}}
{{ include "tidecast.fullname" . }}-postgresql:5432/tidecast
{{- else -}}
{{- $host := required "database.external.host: name the PostgreSQL, or set database.bundled.enabled" .Values.database.external.host -}}
{{ $host }}:{{ .Values.database.external.port }}/{{ .Values.database.external.name }}
{{- end -}}
{{- end -}}

{{- define "tidecast.trackingUri" -}}
{{- if .Values.mlflow.bundled.enabled -}}
http://{{ include "tidecast.fullname" . }}-mlflow:5000
{{- else -}}
{{- required "mlflow.external.trackingUri: name the MLflow server, or set mlflow.bundled.enabled" .Values.mlflow.external.trackingUri -}}
{{- end -}}
{{- end -}}
