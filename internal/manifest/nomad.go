package manifest

import (
	"fmt"
	"path"
	"strings"
	"unicode/utf8"
)

// Drivers are the task drivers of Nomad that a job can be written for.
func Drivers() []string { return []string{"docker", "podman", "exec", "raw_exec"} }

// Nomad returns a batch job in HCL.
func Nomad(j *Job) (string, error) {
	if err := j.check(); err != nil {
		return "", err
	}
	for _, f := range j.Files {
		if !utf8.Valid(f.Data) {
			return "", fmt.Errorf("%s is not text, and a template of Nomad holds text only", f.Path)
		}
	}
	h := &hcl{}
	h.line(0, "# nomad job run this file. The parts write to their allocation: nomad alloc fs ALLOCATION alloc/data/summary-0.json")
	h.line(0, "# fetches a summary, and mqx simulate merge summary-*.json adds them up and judges the run.")
	h.line(0, "job %s {", hclQuote(j.Name))
	h.line(1, `type = "batch"`)
	if j.Namespace != "" {
		h.line(1, "namespace = %s", hclQuote(j.Namespace))
	}
	h.line(1, `group "fleet" {`)
	h.line(2, "count = %d", j.Shards)
	h.line(2, "restart {")
	h.line(3, "attempts = %d", retries)
	h.line(3, "interval = \"24h\"")
	h.line(3, "mode = \"fail\"")
	h.line(2, "}")
	h.line(2, "reschedule {")
	h.line(3, "attempts = 0")
	h.line(3, "unlimited = false")
	h.line(2, "}")
	h.line(2, "network {")
	h.line(3, "port \"metrics\" { to = %d }", metricsPort)
	h.line(2, "}")
	j.task(h)
	h.line(1, "}")
	h.line(0, "}")
	return h.String(), nil
}

// hcl writes HCL line by line.
type hcl struct{ strings.Builder }

func (h *hcl) line(indent int, format string, args ...any) {
	for range indent {
		h.WriteString("  ")
	}
	fmt.Fprintf(h, format, args...)
	h.WriteByte('\n')
}

// hclQuote writes text as a string in which nothing is evaluated.
func hclQuote(text string) string { return hclLiteral(quote(text)) }

// hclLiteral keeps the template language of HCL out.
func hclLiteral(text string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(text)
}

func (j *Job) task(h *hcl) {
	h.line(2, `task "sim" {`)
	h.line(3, "driver = %s", hclQuote(j.Driver))
	h.line(3, "config {")
	switch j.Driver {
	case "exec", "raw_exec":
		h.line(4, `command = "mqx"`)
	default:
		h.line(4, "image = %s", hclQuote(j.Image))
		h.line(4, `ports = ["metrics"]`)
	}
	h.line(4, "args = [")
	args := j.args("${NOMAD_TASK_DIR}/profile", "${NOMAD_ALLOC_DIR}/data", "${NOMAD_ALLOC_INDEX}")
	for i, a := range args {
		if i >= len(args)-len(j.Args) {
			h.line(5, "%s,", hclQuote(a))
		} else {
			h.line(5, "%s,", quote(a)) // Nomad puts in where the folders are
		}
	}
	h.line(4, "]")
	h.line(3, "}")
	h.line(3, "env {")
	h.line(4, "MQX_SHARD_COUNT = %s # which part it is, NOMAD_ALLOC_INDEX says", hclQuote(fmt.Sprint(j.Shards)))
	h.line(4, `XDG_STATE_HOME = "${NOMAD_ALLOC_DIR}/data/state" # what the run retains, for mqx simulate cleanup`)
	h.line(3, "}")
	for _, f := range j.Files {
		template(h, f)
	}
	h.line(3, "resources {")
	h.line(4, "cpu = 1000")
	h.line(4, "memory = %d", j.mebibytes())
	h.line(4, "memory_max = %d", 2*j.mebibytes())
	h.line(3, "}")
	h.line(2, "}")
}

// template writes a file. Its delimiters are none that the text has, so that Nomad puts nothing in.
func template(h *hcl, f File) {
	text := string(f.Data)
	h.line(3, "template {")
	h.line(4, `destination = %s`, hclQuote(path.Join("local/profile", f.Path)))
	left, right := "[[mqx", "mqx]]"
	for strings.Contains(text, left) {
		left, right = left+"x", "x"+right
	}
	h.line(4, "left_delimiter = %s", hclQuote(left))
	h.line(4, "right_delimiter = %s", hclQuote(right))
	h.line(4, `change_mode = "noop"`)
	end := "MQX"
	for strings.Contains(text, end) {
		end += "X"
	}
	if plainText(text) {
		h.line(4, "data = <<%s", end)
		h.WriteString(hclLiteral(text))
		h.line(0, "%s", end)
	} else {
		h.line(4, "data = %s", hclQuote(text))
	}
	h.line(3, "}")
}
