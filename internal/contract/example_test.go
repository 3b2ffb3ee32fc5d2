package contract_test

import (
	"fmt"

	"github.com/mqx-cli/mqx/internal/contract"
)

func ExampleContract_Classify() {
	c := contract.Default()
	m, ok := c.Classify("acme/site-1/device-42/telemetry/temp")
	rule := m.Rule()
	fmt.Println(ok, m.Kind.Role, m.Device, m.Signal)
	fmt.Println("retain", rule.Retain, "qos", rule.QoS, "require", rule.Require)
	// Output:
	// true telemetry device-42 temp
	// retain never qos 0 require [ts value]
}

func ExampleContract_Resolve() {
	c, err := contract.Parse("mqx.yaml", []byte("version: mqx/v1\nroot: acme\nsites: lyon\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := c.Resolve("cr-001")
	fmt.Println(d.Base, err)
	// Output: acme/lyon/cr-001 <nil>
}

func ExampleContract_Explain() {
	m := contract.Default().Explain("acme/site-1/device-42/telemetri/temp")
	fmt.Printf("level %d: %q, and not %s\n", m.Level+1, m.Got, m.Want)
	// Output: level 4: "telemetri", and not one of "cmd", "desired", "events", "reported", "status", "telemetry"
}
