{{- /* The settings file. What the chart itself decides must not be in `config` too. */ -}}
{{- define "tidecast.settings" -}}
{{- $root := . -}}
{{- $config := deepCopy .Values.config -}}
{{- range list "database_url" "mlflow_tracking_uri" "markets" "home_dir" "config_file" }}
{{- if hasKey $config . }}{{ fail (printf "config.%s: the chart sets it from its own values" .) }}{{ end }}
{{- end }}
{{- $service := $config.service | default dict -}}
{{- range list "host" "port" "grpc_port" "api_keys_file" "grpc_certificate_file" "grpc_private_key_file" }}
{{- if hasKey $service . }}{{ fail (printf "config.service.%s: the chart sets it from its own values" .) }}{{ end }}
{{- end }}
{{- $_ := set $config "markets" .Values.markets -}}
{{- if not .Values.service.grpc }}
{{- $_ := set $config "service" (merge (dict "grpc_port" nil) $service) -}}
{{- end }}
{{- if .Values.replay.enabled }}
{{- $_ := set $config "clock" (include "tidecast.clock" . | fromYaml) -}}
{{- $url := printf "http://%s-replay:8765" (include "tidecast.fullname" .) -}}
{{- $_ := set $config "ingestion" (merge (dict "replay_url" $url "fear_greed" false) ($config.ingestion | default dict)) -}}
{{- end }}
{{- toYaml $config -}}
{{- end -}}

{{- /* The clock of a replay: as asked for, or as it went before an upgrade, or from now on. */ -}}
{{- define "tidecast.clock" -}}
{{- $name := printf "%s-config" (include "tidecast.fullname" .) -}}
{{- $before := lookup "v1" "ConfigMap" .Release.Namespace $name -}}
{{- $kept := dict -}}
{{- if $before }}{{ $kept = get (index $before.data "config.yaml" | fromYaml) "clock" | default dict }}{{ end -}}
{{- $fresh := dict "simulated_at" "2019-08-01T00:00:00Z" "real_at" (dateInZone "2006-01-02T15:04:00Z" now "UTC") "speed" 60 -}}
{{- toYaml (merge (.Values.config.clock | default dict | deepCopy) $kept $fresh) -}}
{{- end -}}
