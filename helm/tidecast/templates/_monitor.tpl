{{- /* The monitor's container, as a sidecar or in a pod of its own. */ -}}
{{- define "tidecast.monitor" -}}
{{- include "tidecast.container" (list . "monitor") }}
command: [python, -m, monitoring]
ports:
  - {name: metrics, containerPort: 9100}
env:
  {{- include "tidecast.env" . | nindent 2 }}
  - {name: TIDECAST_MONITORING__KUBERNETES__TRAINING_CRONJOB, value: {{ include "tidecast.fullname" . }}-training}
  - {name: TIDECAST_MONITORING__KUBERNETES__LEASE, value: {{ include "tidecast.fullname" . }}-monitor}
  - {name: TIDECAST_MONITORING__KUBERNETES__METRICS_PORT, value: "9100"}
  - name: TIDECAST_MONITORING__KUBERNETES__NAMESPACE
    valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
  - name: TIDECAST_MONITORING__KUBERNETES__IDENTITY
    valueFrom: {fieldRef: {fieldPath: metadata.name}}
  {{- with .Values.alerts.topicArn }}
  - {name: TIDECAST_MONITORING__ALERT_TOPIC_ARN, value: {{ . | quote }}}
  {{- end }}
  {{- with .Values.alerts.existingSecret }}
  - name: TIDECAST_MONITORING__ALERT_URLS
    valueFrom: {secretKeyRef: {name: {{ . }}, key: urls}}
  {{- end }}
volumeMounts:
  {{- include "tidecast.mounts" "monitor" | nindent 2 }}
  - {name: token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
resources: {{- toYaml .Values.resources.monitor | nindent 2 }}
{{- end -}}

{{- /* The token of the API goes to this container alone, not to the server beside it. */ -}}
{{- define "tidecast.monitorVolumes" -}}
- name: monitor-tmp
  emptyDir: {sizeLimit: 512Mi}
- name: token
  projected:
    sources:
      - serviceAccountToken: {path: token, expirationSeconds: 3600}
      - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
      - downwardAPI: {items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]}
{{- end -}}

{{- define "tidecast.monitorAccount" -}}
{{- include "tidecast.serviceAccount" (list . (ternary "server" "monitoring" (eq .Values.monitor.mode "sidecar"))) -}}
{{- end -}}
