// Package manifests_test decodes what mqx simulate manifest writes with the types of Kubernetes and the parser of Nomad, which
// refuse keys that they do not know. It is a module of its own: these are far larger than mqx.
package manifests_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/nomad/jobspec2"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// profile has texts in it that YAML, HCL and the templates of Nomad would take for their own.
const profile = `version: mqx/sim/v1
name: Cold Rooms
duration: 30m # ${not} %{evaluated} {{here}} $(nor here)
fleet:
  - { use: room, site: lyon, count: 40, id: "cr-{n:03}" }
target: { credentials: { username: "{device}", password_env: SIM_PASSWORD } }
devices:
  room:
    telemetry:
      temp: { every: 10s, value: { walk: 18..26 } }
      rms: { every: 1s, value: { replay: rms.csv, column: rms, loop: true } }
`

// written is what mqx writes.
func written(t *testing.T, args ...string) string {
	t.Helper()
	mqx := filepath.Join(t.TempDir(), "mqx")
	build := exec.Command("go", "build", "-o", mqx, "./cmd/mqx")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s\n%s", err, out)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"rooms.sim.yaml": profile, "rms.csv": "rms\n1\n2\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(mqx, append([]string{"simulate", "manifest"}, args...)...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s\n%s", err, stderr.String())
	}
	return string(out)
}

func TestKubernetesKnowsEveryKey(t *testing.T) {
	text := written(t, "k8s", "rooms.sim.yaml", "--shards", "20", "--image", "registry.example/mqx:1", "--namespace", "iot", "--", "-L", "mqtt://b.iot:1883")
	parts := strings.SplitN(text, "\n---\n", 2)
	if len(parts) != 2 {
		t.Fatal(text)
	}
	var config core.ConfigMap
	if err := yaml.UnmarshalStrict([]byte(parts[0]), &config); err != nil {
		t.Fatal(err)
	}
	if config.Data["file-0"] != profile || config.Kind != "ConfigMap" {
		t.Errorf("got %q", config.Data)
	}
	var job batch.Job
	if err := yaml.UnmarshalStrict([]byte(parts[1]), &job); err != nil {
		t.Fatal(err)
	}
	spec, pod := &job.Spec, &job.Spec.Template.Spec
	if *spec.CompletionMode != batch.IndexedCompletion || *spec.Completions != 20 || *spec.Parallelism != 20 || *spec.BackoffLimitPerIndex != 2 ||
		*spec.ActiveDeadlineSeconds != 2400 || pod.RestartPolicy != core.RestartPolicyNever {
		t.Errorf("got %+v", spec)
	}
	c := &pod.Containers[0]
	if got := fmt.Sprint(c.Env); !strings.Contains(got, "MQX_SHARD_COUNT 20") {
		t.Errorf("got %s", got)
	}
	if c.EnvFrom[0].SecretRef.Name != "mqx-cold-rooms" || pod.Volumes[0].ConfigMap.Name != config.Name || pod.Volumes[0].ConfigMap.Items[1].Path != "rms.csv" ||
		pod.Volumes[1].PersistentVolumeClaim.ClaimName != "mqx-results" || c.Resources.Requests.Memory().Value() != 65<<20 {
		t.Errorf("got %+v", pod)
	}
	if got := strings.Join(c.Args, " "); !strings.HasSuffix(got, "-L mqtt://b.iot:1883") || !strings.Contains(got, "/out/summary-$(JOB_COMPLETION_INDEX).json") {
		t.Errorf("got %s", got)
	}
}

func TestNomadKnowsEveryKey(t *testing.T) {
	for _, driver := range []string{"docker", "exec"} {
		text := written(t, "nomad", "rooms.sim.yaml", "--shards", "20", "--image", "registry.example/mqx:1", "--driver", driver, "--", "-L", "mqtt://${x}:1883")
		job, err := jobspec2.ParseWithConfig(&jobspec2.ParseConfig{Path: "job.nomad.hcl", Body: []byte(text), Strict: true})
		if err != nil {
			t.Fatalf("%s\n%s", err, text)
		}
		group := job.TaskGroups[0]
		task := group.Tasks[0]
		if *job.Type != "batch" || *group.Count != 20 || task.Driver != driver || task.Env["MQX_SHARD_COUNT"] != "20" || *task.Resources.MemoryMB != 65 {
			t.Errorf("got %+v, %+v, %+v", job, group, task)
		}
		if *task.Templates[0].EmbeddedTmpl != profile || *task.Templates[0].DestPath != "local/profile/rooms.sim.yaml" || len(task.Templates) != 2 {
			t.Errorf("got %q in %q", *task.Templates[0].EmbeddedTmpl, *task.Templates[0].DestPath)
		}
		args := fmt.Sprint(task.Config["args"])
		if !strings.Contains(args, "${NOMAD_ALLOC_DIR}/data/summary-${NOMAD_ALLOC_INDEX}.json") || !strings.HasSuffix(args, "-L mqtt://${x}:1883]") {
			t.Errorf("got %s", args)
		}
	}
}
