{{/* What of the values the schema cannot say: each of these would install, and then do something else than
     was asked for, or nothing. The first that is wrong is what helm prints. */}}
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
{{- with .Values.autoscaling }}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) }}
{{- fail (printf "autoscaling.minReplicas is %d and autoscaling.maxReplicas %d: set maxReplicas to at least minReplicas" (int .minReplicas) (int .maxReplicas)) }}
{{- end }}
{{- end }}
{{- with .Values.podDisruptionBudget }}
{{- if and .enabled (has (toString .maxUnavailable) (list "0" "0%")) }}
{{- fail "podDisruptionBudget.maxUnavailable is 0: no node with a replica could be drained. Set it to at least 1, or podDisruptionBudget.enabled to false" }}
{{- end }}
{{- end }}
{{- if and .Values.networkPolicy.enabled (not .Values.networkPolicy.apiServerPorts) }}
{{- fail "networkPolicy.apiServerPorts is empty: it would let out connections to every port. List the ports of the API server, or set networkPolicy.enabled to false" }}
{{- end }}
{{- $own := include "dind-injector.labels" . | fromYaml | keys }}
{{- if .Values.mirror.enabled }}{{ $own = append $own "app.kubernetes.io/part-of" }}{{ end }}
{{- range $label, $_ := .Values.podLabels }}
{{- if has $label $own }}
{{- fail (printf "podLabels has %s, a label of the chart's own by which its objects find its Pods: remove it, or take another key" $label) }}
{{- end }}
{{- end }}
{{- $names := list }}
{{- range .Values.mirror.upstreams }}
{{- if has .name $names }}
{{- fail (printf "mirror.upstreams has two of the name %s, of which one would take the other's place: give each its own name" .name) }}
{{- end }}
{{- $names = append $names .name }}
{{- end }}
{{- if has .Values.test.namespace .Values.webhook.excludedNamespaces }}
{{- fail (printf "test.namespace is %s, which webhook.excludedNamespaces has: no Pod of it is sent to the webhook. Set test.namespace to another one" .Values.test.namespace) }}
{{- end }}
{{- include "dind-injector.checkCertificates" . }}
{{- range $at, $resources := dict "resources" .Values.resources "reporter.resources" .Values.reporter.resources "mirror.resources" .Values.mirror.resources }}
{{- range $which, $amounts := $resources }}
{{- if kindIs "map" $amounts }}
{{- include "dind-injector.checkMemory" (dict "at" (printf "%s.%s.memory" $at $which) "is" $amounts.memory) }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "dind-injector.checkCertificates" -}}
{{- with .Values.certificates }}
{{- if and (eq .mode "files") .files.caBundle }}
{{- /* Of what is no base64, b64dec gives the error's text. */}}
{{- if not (contains "-----BEGIN CERTIFICATE-----" (.files.caBundle | nospace | b64dec)) }}
{{- fail "certificates.files.caBundle is no base64 of a certificate in PEM: set it to the output of `base64 -w0 ca.crt`, where ca.crt begins with -----BEGIN CERTIFICATE-----" }}
{{- end }}
{{- end }}
{{- if eq .mode "cert-manager" }}
{{- $duration := include "dind-injector.seconds" .certManager.duration | int64 }}
{{- $before := include "dind-injector.seconds" .certManager.renewBefore | int64 }}
{{- if le $duration $before }}
{{- fail (printf "certificates.certManager.duration is %s and renewBefore %s: cert-manager refuses a certificate that is to be renewed before it is made. Set duration to more than renewBefore" .certManager.duration .certManager.renewBefore) }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The seconds of a duration such as 1h30m, of the form that the schema asks for. */}}
{{- define "dind-injector.seconds" -}}
{{- $sum := 0 }}
{{- $units := dict "h" 3600 "m" 60 "s" 1 }}
{{- range regexFindAll "[0-9]+[hms]" . -1 }}
{{- $unit := trimAll "0123456789" . }}
{{- $sum = add $sum (mul (trimSuffix $unit . | atoi) (get $units $unit)) }}
{{- end }}
{{- $sum }}
{{- end -}}

{{/* A number without a unit is bytes, and m is a thousandth of one: no replica starts with so little. */}}
{{- define "dind-injector.checkMemory" -}}
{{- $is := .is }}
{{- if or (kindIs "float64" $is) (kindIs "int64" $is) (kindIs "int" $is) }}{{ $is = int64 $is }}{{ end }}
{{- if regexMatch "^([1-9][0-9]{0,6}|[0-9.]+m)$" (toString $is) }}
{{- fail (printf "%s is %v, which is so many bytes%s: write its unit, as in 384Mi" .at $is (ternary " / 1000" "" (hasSuffix "m" (toString $is)))) }}
{{- end }}
{{- end -}}
