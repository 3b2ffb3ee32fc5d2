package manifest_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/manifest"
)

// aJob has texts in it that YAML, HCL and templates would take for their own.
func aJob(profile string) *manifest.Job {
	return &manifest.Job{
		Name: "mqx-rooms", Namespace: "iot", Image: "registry.example/mqx:1", Driver: "docker", Shards: 5, Devices: 10_000,
		Profile: "rooms.sim.yaml", Contract: "mqx.yaml", Claim: "results", Secret: "passwords", Ledger: true,
		Files: []manifest.File{
			{Path: "rooms.sim.yaml", Data: []byte(profile)},
			{Path: "mqx.yaml", Data: []byte("contract: v1\n")},
			{Path: "tracks/van.gpx", Data: []byte("<gpx>${x} %{y} [[mqx {{z}}</gpx>\r\n")},
		},
		StartAt: time.Date(2026, 1, 5, 6, 0, 0, 0, time.UTC), Length: 30 * time.Minute, Args: []string{"-L", "mqtt://b.iot:1883", "$(X) ${Y}"},
	}
}

// documents decodes YAML.
func documents(t *testing.T, text string) []map[string]any {
	t.Helper()
	d := yaml.NewDecoder(strings.NewReader(text))
	var all []map[string]any
	for {
		var one map[string]any
		if d.Decode(&one) != nil {
			break
		}
		all = append(all, one)
	}
	if len(all) != 2 {
		t.Fatalf("%d documents:\n%s", len(all), text)
	}
	return all
}

func TestKubernetesTakesTheProfileAsItIs(t *testing.T) {
	t.Parallel()
	for _, profile := range []string{
		"a: 1\n", "a: 1", "  a: 1\n", "\na: 1\n", "a: 1\n\n\n", "a: |\n  x\n\n  y  \n# ${x} {{y}} 'z'\n", "a: \"\u0085\"\n", "a: 1\r\nb: 2\r\n", "\ta\n", "---\na: 1\n...\n",
		"a:\t1\n   \nb: é\n",
	} {
		text, err := manifest.Kubernetes(aJob(profile))
		if err != nil {
			t.Fatal(err)
		}
		data, _ := documents(t, text)[0]["data"].(map[string]any)
		if data["file-0"] != profile {
			t.Errorf("%q became %q in\n%s", profile, data["file-0"], text)
		}
	}
}

func TestKubernetesJobIsIndexed(t *testing.T) {
	t.Parallel()
	text, err := manifest.Kubernetes(aJob("a: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	spec, _ := documents(t, text)[1]["spec"].(map[string]any)
	got := map[string]any{}
	for _, key := range []string{"completionMode", "completions", "parallelism", "backoffLimitPerIndex", "activeDeadlineSeconds"} {
		got[key] = spec[key]
	}
	if d := cmp.Diff(map[string]any{
		"completionMode": "Indexed", "completions": uint64(5), "parallelism": uint64(5), "backoffLimitPerIndex": uint64(2), "activeDeadlineSeconds": uint64(2400),
	}, got); d != "" {
		t.Error(d)
	}
	for _, line := range []string{
		`- "/out/summary-$(JOB_COMPLETION_INDEX).json"`, `- "/out/ledger-$(JOB_COMPLETION_INDEX).jsonl"`, `- "$$(X) ${Y}"`, `- "2026-01-05T06:00:00Z"`,
		`- { name: MQX_SHARD_COUNT, value: "5" }`, `- secretRef: { name: "passwords" }`, `requests: { cpu: "1", memory: "96Mi" }`,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("%s is not in\n%s", line, text)
		}
	}
}

func TestBinaryFilesGoIntoBinaryData(t *testing.T) {
	t.Parallel()
	j := aJob("a: 1\n")
	j.Files = append(j.Files, manifest.File{Path: "x.bin", Data: []byte{0xFF, 0, 1}})
	text, err := manifest.Kubernetes(j)
	if err != nil {
		t.Fatal(err)
	}
	binary, _ := documents(t, text)[0]["binaryData"].(map[string]any)
	if binary["file-3"] != "/wAB" {
		t.Errorf("got %v", binary)
	}
	if _, err := manifest.Nomad(j); err == nil || err.Error() != "x.bin is not text, and a template of Nomad holds text only" {
		t.Errorf("got %v", err)
	}
}

func TestNomadEvaluatesNothingOfTheProfile(t *testing.T) {
	t.Parallel()
	text, err := manifest.Nomad(aJob("a: ${x} %{y} MQX {{z}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"        data = <<MQXX\na: $${x} %%{y} MQX {{z}}\nMQXX\n", `data = "<gpx>$${x} %%{y} [[mqx {{z}}</gpx>\r\n"`, `left_delimiter = "[[mqxx"`,
		`"${NOMAD_ALLOC_DIR}/data/summary-${NOMAD_ALLOC_INDEX}.json",`, `"$(X) $${Y}",`, "count = 5", `namespace = "iot"`,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("%s is not in\n%s", line, text)
		}
	}
	j := aJob("a: 1\n")
	j.Driver = "exec"
	if text, err = manifest.Nomad(j); err != nil || !strings.Contains(text, `command = "mqx"`) || strings.Contains(text, "image") {
		t.Errorf("%v\n%s", err, text)
	}
}

func TestJobsThatCannotRunAreRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*manifest.Job){
		"0 parts: 1 to 100000 are expected":                                func(j *manifest.Job) { j.Shards = 0 },
		"5 parts are more than the fleet has devices, which are 3":         func(j *manifest.Job) { j.Devices = 3 },
		"../x: only files in the folder of the profile can be taken along": func(j *manifest.Job) { j.Files[1].Path = "../x" },
		`"A b" is no name of a job: 'A' is neither of a-z, 0-9 nor -`:      func(j *manifest.Job) { j.Name = "A b" },
		`"-a" is no name of a job: up to 52 of a-z, 0-9 and - are`:         func(j *manifest.Job) { j.Name = "-a" },
		"the profile is not among the files":                               func(j *manifest.Job) { j.Profile = "other" },
		"the profile and the files that it names have 1048640 bytes, and a ConfigMap holds 1048576": func(j *manifest.Job) {
			j.Files = []manifest.File{{Path: "rooms.sim.yaml", Data: bytes.Repeat([]byte("x"), manifest.MostBytes+50)}}
		},
	} {
		for _, write := range []func(*manifest.Job) (string, error){manifest.Kubernetes, manifest.Nomad} {
			j := aJob("a: 1\n")
			change(j)
			if _, err := write(j); err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		}
	}
}

func TestNamesAreLabels(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"cold-rooms": "mqx-cold-rooms", "Cold Rooms / Lyon": "mqx-cold-rooms-lyon", "--x--": "mqx-x", strings.Repeat("ab-", 40): "mqx-" + strings.Repeat("ab-", 13) + "a",
		"Übersee": "mqx-bersee",
	} {
		got := manifest.Name(text)
		if got != want || manifest.CheckName(got) != nil {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
