{{- define "dind-injector.name" -}}
{{- default "dind-injector" .Values.nameOverride | trunc 53 | trimSuffix "-" -}}
{{- end -}}

{{- define "dind-injector.serviceAccount" -}}
{{- default (include "dind-injector.name" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "dind-injector.priorityClass" -}}
{{- default (include "dind-injector.name" .) .Values.priorityClass.name -}}
{{- end -}}

{{- define "dind-injector.selector" -}}
app.kubernetes.io/name: dind-injector
app.kubernetes.io/instance: {{ include "dind-injector.name" . }}
{{- end -}}

{{- define "dind-injector.labels" -}}
{{ include "dind-injector.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{- define "dind-injector.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "dind-injector.caSecret" -}}
{{ include "dind-injector.name" . }}-ca
{{- end -}}

{{- define "dind-injector.servingSecret" -}}
{{- if eq .Values.certificates.mode "files" -}}
{{ required "certificates.mode is files: set certificates.files.secretName" .Values.certificates.files.secretName }}
{{- else -}}
{{ include "dind-injector.name" . }}-serving
{{- end -}}
{{- end -}}

{{/* The policy's text; empty for the built-in one. */}}
{{- define "dind-injector.policy" -}}
{{- $mirrors := include "dind-injector.mirrors" . | fromJsonArray -}}
{{- with .Values.policy -}}
{{- if eq .preset "inline" -}}
{{- $inline := required "policy.preset is inline: set policy.inline" .inline -}}
{{ toYaml (merge dict $inline (ternary (dict "registryMirrors" $mirrors) dict (not (empty $mirrors)))) }}
{{- else if or (ne .preset "builtin") $mirrors -}}
{{- $file := eq .preset "builtin" | ternary "files/builtin.yaml" (printf "presets/%s.yaml" .preset) -}}
{{ required (printf "the chart has no file %s" $file) ($.Files.Get $file) }}
{{- with $mirrors }}
# The mirrors of this chart, for every profile that names none itself.
registryMirrors: {{ toJson . }}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The addresses of those mirrors that Docker daemons use by themselves, a JSON list. */}}
{{- define "dind-injector.mirrors" -}}
{{- $mirrors := list -}}
{{- if .Values.mirror.enabled -}}
{{- range .Values.mirror.upstreams -}}
{{- if eq .registry "docker.io" -}}
{{- $mirrors = append $mirrors (printf "http://%s-mirror-%s.%s.svc:5000" (include "dind-injector.name" $) .name $.Release.Namespace) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{ toJson $mirrors }}
{{- end -}}

{{/* Of the mirror {name, root}; the webhook's Service must never find it. */}}
{{- define "dind-injector.mirrorSelector" -}}
app.kubernetes.io/name: dind-injector-mirror
app.kubernetes.io/instance: {{ .name }}
{{- end -}}

{{- define "dind-injector.mirrorLabels" -}}
{{ include "dind-injector.mirrorSelector" . }}
app.kubernetes.io/part-of: {{ include "dind-injector.name" .root }}
{{- end -}}

{{/* What both webhook configurations have in common. */}}
{{- define "dind-injector.webhookMetadata" -}}
name: {{ include "dind-injector.name" . }}
labels:
  {{- include "dind-injector.labels" . | nindent 2 }}
{{- if eq .Values.certificates.mode "cert-manager" }}
annotations:
  cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/{{ include "dind-injector.servingSecret" . }}
{{- end }}
{{- end -}}

{{- define "dind-injector.clientConfig" -}}
service:
  name: {{ include "dind-injector.name" .root }}
  namespace: {{ .root.Release.Namespace }}
  port: 443
  path: {{ .path }}
{{- if eq .root.Values.certificates.mode "files" }}
caBundle: {{ required "certificates.mode is files: set certificates.files.caBundle" .root.Values.certificates.files.caBundle | nospace }}
{{- end }}
{{- end -}}

{{/* The namespaces whose Pods are never sent, a JSON list. */}}
{{- define "dind-injector.excluded" -}}
{{- append (default list .Values.webhook.excludedNamespaces) .Release.Namespace | uniq | toJson -}}
{{- end -}}

{{- define "dind-injector.namespaceSelector" -}}
matchExpressions:
  - key: kubernetes.io/metadata.name
    operator: NotIn
    values: {{ include "dind-injector.excluded" . }}
  {{- with .Values.webhook.namespaceSelector }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* What Pods of this chart may not do on their node: level `restricted`. */}}
{{- define "dind-injector.podSecurity" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  # Readable mounted keys.
  fsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{- define "dind-injector.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* Where Pods of this chart run, and with which right to pull. */}}
{{- define "dind-injector.placement" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
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

{{- define "dind-injector.reporter" -}}
{{ include "dind-injector.name" . }}-reporter
{{- end -}}

{{/* Not the webhook's: its Service must never find the reporter. */}}
{{- define "dind-injector.reporterSelector" -}}
app.kubernetes.io/name: dind-injector-reporter
app.kubernetes.io/instance: {{ include "dind-injector.name" . }}
{{- end -}}

{{- define "dind-injector.reporterLabels" -}}
{{ include "dind-injector.reporterSelector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{/* Whether there is a validating configuration. */}}
{{- define "dind-injector.validates" -}}
{{- or .Values.warn.enabled .Values.verify.enabled -}}
{{- end -}}

{{/* CEL: that two objects have the same in a field, be it nothing. */}}
{{- define "dind-injector.same" -}}
{{- $a := printf "%s.%s" (index . 0) (index . 2) -}}
{{- $b := printf "%s.%s" (index . 1) (index . 2) -}}
has({{ $a }}) == has({{ $b }}) && (!has({{ $a }}) || {{ $a }} == {{ $b }})
{{- end -}}
