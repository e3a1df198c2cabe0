{{/* What of the values the schema cannot say: each of these would install, and then do something else than
     was asked for, or nothing. Of text: the first that is wrong is what helm prints. */}}
{{- define "dind-injector.checks" -}}
{{- /* Two seconds for the last answers and the last log lines. */}}
{{- if lt (int .Values.terminationGracePeriodSeconds) (add (int .Values.shutdownDelaySeconds) (int .Values.drainTimeoutSeconds) 2 | int) }}
{{- fail "terminationGracePeriodSeconds must be at least shutdownDelaySeconds + drainTimeoutSeconds + 2" }}
{{- end }}
{{- if and .Values.hostNetwork.enabled (eq (int .Values.hostNetwork.httpsPort) (int .Values.hostNetwork.adminPort)) }}
{{- fail "hostNetwork.httpsPort and hostNetwork.adminPort must differ" }}
{{- end }}
{{- with .Values.clientCertificates }}
{{- if and .names (not .configMapName) }}
{{- fail "clientCertificates.names is set and clientCertificates.configMapName is not: nobody would be asked for a certificate. Set configMapName to the ConfigMap with the CA" }}
{{- end }}
{{- end }}
{{- end -}}
