package presence

import "time"

// maxFaults bounds the faults that wait to be asked for.
const maxFaults = 10

// Fault counts a status message of a device that could not be read.
func (f *Fleet) Fault(fault Fault, now time.Time) {
	d := f.device(fault.Device)
	if d == nil {
		f.faults++
		return
	}
	fault.Device, fault.Why = d.Name, shorten(fault.Why)
	if fault.Stored && d.Fault == fault.Why {
		return // the Server has sent again what it retains
	}
	if !d.hidden {
		f.faults++
		if len(f.unread) < maxFaults {
			f.unread = append(f.unread, fault)
		}
	}
	d.Faults++
	d.Fault = fault.Why
	f.settle(d, now)
}

// Faults is how many status messages could not be read.
func (f *Fleet) Faults() int { return f.faults }

// NewFaults returns the first few status messages since the last call that could not be read.
func (f *Fleet) NewFaults() []Fault {
	faults := f.unread
	f.unread = nil
	return faults
}
