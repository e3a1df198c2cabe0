{{- define "x" -}}
volumes:
  - name: s
    hostPath:
      path: /var/run
{{- end -}}
