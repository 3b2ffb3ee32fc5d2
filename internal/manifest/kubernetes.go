package manifest

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Kubernetes returns a ConfigMap and an Indexed Job (stable since Kubernetes 1.24; backoffLimitPerIndex since 1.33, and on by
// default since 1.29).
func Kubernetes(j *Job) (string, error) {
	if err := j.check(); err != nil {
		return "", err
	}
	y := &yaml{}
	y.comments(
		"kubectl apply -f this file. The parts write summary-0.json and so on to the claim "+j.Claim+", which all nodes must be",
		"able to write to (ReadWriteMany). mqx simulate merge summary-*.json adds them up and judges the run.",
	)
	j.configMap(y)
	y.line(0, "---")
	j.indexedJob(y)
	return y.String(), nil
}

// yaml writes YAML line by line.
type yaml struct{ strings.Builder }

func (y *yaml) line(indent int, format string, args ...any) {
	for range indent {
		y.WriteString("  ")
	}
	fmt.Fprintf(y, format, args...)
	y.WriteByte('\n')
}

func (y *yaml) comments(lines ...string) {
	for _, l := range lines {
		y.line(0, "# %s", l)
	}
}

// block writes text as the value of a key: as lines where that gives the same text, else quoted.
func (y *yaml) block(indent int, key, text string) {
	first, _, _ := strings.Cut(text, "\n")
	if !plainText(text) || strings.HasPrefix(first, " ") || first == "" || strings.HasPrefix(first, "\t") {
		y.line(indent, "%s: %s", quote(key), quote(text))
		return
	}
	keep := "|"
	if strings.HasSuffix(text, "\n\n") {
		keep = "|+"
	}
	y.line(indent, "%s: %s", quote(key), keep)
	for l := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		if l == "" {
			y.WriteByte('\n')
			continue
		}
		y.line(indent+1, "%s", l)
	}
}

// keyOf is the key of a file in a ConfigMap, which may not have slashes.
func keyOf(i int) string { return fmt.Sprintf("file-%d", i) }

func (j *Job) meta(y *yaml, indent int) {
	y.line(indent, "metadata:")
	y.line(indent+1, "name: %s", quote(j.Name))
	if j.Namespace != "" {
		y.line(indent+1, "namespace: %s", quote(j.Namespace))
	}
	y.line(indent+1, "labels: { app.kubernetes.io/name: mqx, app.kubernetes.io/instance: %s }", quote(j.Name))
}

func (j *Job) configMap(y *yaml) {
	y.line(0, "apiVersion: v1")
	y.line(0, "kind: ConfigMap")
	j.meta(y, 0)
	y.line(0, "data:")
	for i, f := range j.Files {
		if utf8.Valid(f.Data) {
			y.block(1, keyOf(i), string(f.Data))
		}
	}
	begun := false
	for i, f := range j.Files {
		if utf8.Valid(f.Data) {
			continue
		}
		if !begun {
			begun = true
			y.line(0, "binaryData:")
		}
		y.line(1, "%s: %s", quote(keyOf(i)), quote(base64.StdEncoding.EncodeToString(f.Data)))
	}
}

func (j *Job) indexedJob(y *yaml) {
	y.line(0, "apiVersion: batch/v1")
	y.line(0, "kind: Job")
	j.meta(y, 0)
	y.line(0, "spec:")
	y.line(1, "completionMode: Indexed")
	y.line(1, "completions: %d", j.Shards)
	y.line(1, "parallelism: %d # all at once: a part that waits is a part of the fleet that is not there", j.Shards)
	y.line(1, "backoffLimitPerIndex: %d # one bad part does not end the others", retries)
	if j.Length > 0 {
		y.line(1, "activeDeadlineSeconds: %d", int64((j.Length + slack).Seconds()))
	}
	y.line(1, "template:")
	y.line(2, "metadata:")
	y.line(3, "labels: { app.kubernetes.io/name: mqx, app.kubernetes.io/instance: %s }", quote(j.Name))
	y.line(2, "spec:")
	y.line(3, "restartPolicy: Never")
	y.line(3, "automountServiceAccountToken: false")
	y.line(3, "containers:")
	j.container(y)
	y.line(3, "volumes:")
	y.line(4, "- name: profile")
	y.line(5, "configMap:")
	y.line(6, "name: %s", quote(j.Name))
	y.line(6, "items:")
	for i, f := range j.Files {
		y.line(7, "- { key: %s, path: %s }", quote(keyOf(i)), quote(f.Path))
	}
	y.line(4, "- name: out")
	y.line(5, "persistentVolumeClaim: { claimName: %s }", quote(j.Claim))
}

func (j *Job) container(y *yaml) {
	y.line(4, "- name: fleet")
	y.line(5, "image: %s", quote(j.Image))
	y.line(5, "args:")
	args := j.args("/profile", "/out", "$(JOB_COMPLETION_INDEX)")
	for i, a := range args {
		if i >= len(args)-len(j.Args) {
			a = strings.ReplaceAll(a, "$(", "$$(") // which Kubernetes would expand
		}
		y.line(6, "- %s", quote(a))
	}
	y.line(5, "env:")
	y.line(6, "- { name: MQX_SHARD_COUNT, value: %s } # which part it is, JOB_COMPLETION_INDEX says", quote(fmt.Sprint(j.Shards)))
	y.line(6, "- { name: XDG_STATE_HOME, value: /out/state } # what the run retains, for mqx simulate cleanup")
	if j.Secret != "" {
		y.line(5, "envFrom:")
		y.line(6, "- secretRef: { name: %s }", quote(j.Secret))
	}
	y.line(5, "ports:")
	y.line(6, "- { name: metrics, containerPort: %d }", metricsPort)
	y.line(5, "resources:")
	y.line(6, "requests: { cpu: %s, memory: %s }", quote("1"), quote(fmt.Sprintf("%dMi", j.mebibytes())))
	y.line(6, "limits: { memory: %s }", quote(fmt.Sprintf("%dMi", 2*j.mebibytes())))
	y.line(5, "volumeMounts:")
	y.line(6, "- { name: profile, mountPath: /profile, readOnly: true }")
	y.line(6, "- { name: out, mountPath: /out }")
}
