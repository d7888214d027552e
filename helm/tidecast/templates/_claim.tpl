{{- /* The volume of a bundled server; it outlives the release. */ -}}
{{- define "tidecast.claim" -}}
{{- with .Values.storage -}}
persistentVolumeClaimRetentionPolicy: {whenDeleted: Retain, whenScaled: Retain}
volumeClaimTemplates:
  - apiVersion: v1
    kind: PersistentVolumeClaim
    metadata: {name: data}
    spec:
      accessModes: [ReadWriteOnce]
      resources: {requests: {storage: {{ . }}}}
{{- end -}}
{{- end -}}
