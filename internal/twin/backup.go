package twin

import (
	"fmt"
	"maps"
	"slices"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/message"
)

// Backup are saved desired documents by device.
type Backup map[string]*Desired

// Add takes a message of a backup. Only desired documents belong into one.
func (b Backup) Add(v *Convention, m message.Message) error {
	base, role := v.of(m.Topic)
	if role != contract.Desired {
		return fmt.Errorf("%s is no desired document of a device", m.Topic)
	}
	d, err := ParseDesired(m)
	if err != nil {
		return err
	}
	b[base] = d
	return nil
}

// Devices are the base topics of the devices, sorted.
func (b Backup) Devices() []string { return slices.Sorted(maps.Keys(b)) }

// Change restores the document of a device.
func (b Backup) Change(t *Twin) Change { return Restore(b[t.Device]) }
