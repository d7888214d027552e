{{- /* A Job with one index for each market: (list $ "training" (list "python" "-m" "training")). */ -}}
{{- define "tidecast.trainingJob" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
completionMode: Indexed
completions: {{ len $root.Values.markets }}
parallelism: {{ min $root.Values.training.parallelism (len $root.Values.markets) }}
# One market that fails does not end the trainings of the others. The pauses between the tries, 10, 20
# and 40 s, outlast a database or registry that starts anew.
backoffLimitPerIndex: 3
activeDeadlineSeconds: 3600
ttlSecondsAfterFinished: 604800
podReplacementPolicy: Failed
podFailurePolicy: {{- include "tidecast.podFailurePolicy" (list "trainer" "FailIndex") | nindent 2 }}
template:
  metadata:
    labels: {{- include "tidecast.componentLabels" (list $root $component) | nindent 6 }}
  spec:
    {{- include "tidecast.podSpec" (list $root "training") | nindent 4 }}
    restartPolicy: Never
    containers:
      - {{- include "tidecast.container" (list $root "trainer") | nindent 8 }}
        command: {{ index . 2 | toJson }}
        env: {{- include "tidecast.env" $root | nindent 10 }}
        {{- if eq $component "begin" }}
        {{- include "tidecast.exchangeKeys" $root | nindent 8 }}
        {{- end }}
        volumeMounts: {{- include "tidecast.mounts" "trainer" | nindent 10 }}
        resources: {{- toYaml $root.Values.resources.training | nindent 10 }}
    volumes: {{- include "tidecast.volumes" (list $root "trainer") | nindent 6 }}
{{- end -}}
