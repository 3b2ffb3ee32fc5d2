package simulate

import (
	"encoding/json"
	"maps"
	"time"

	"github.com/mqx-cli/mqx/internal/profile"
)

// settings are what a device is set to.
type settings struct {
	// wanted is what it was told last, applied what it does. Values are those of package payload, and float64 where they are
	// defaults.
	wanted, applied map[string]any
	// interval replaces the time between measurements, 0 for none.
	interval time.Duration
	// shared says that the maps are the defaults that all devices of a type have.
	shared bool
}

// reset takes the defaults.
func (s *settings) reset(defaults map[string]any) {
	*s = settings{wanted: defaults, applied: defaults, shared: true}
}

// own makes the maps those of the device alone, before one of them is changed.
func (s *settings) own() {
	if s.shared {
		s.wanted, s.applied, s.shared = maps.Clone(s.wanted), maps.Clone(s.applied), false
	}
}

// want notes a wish.
func (s *settings) want(name string, value any) {
	s.own()
	s.wanted[name] = value
}

// defaultsOf are the settings of a device that nobody has told anything. They are not to be changed.
func (r *Run) defaultsOf(t *profile.DeviceType) map[string]any {
	defaults, known := r.defaults[t]
	if !known {
		defaults = map[string]any{}
		for i := range t.Desired.Accepts {
			if a := &t.Desired.Accepts[i]; a.Default != nil {
				defaults[a.Name] = a.Default
			}
		}
		r.defaults[t] = defaults
	}
	return defaults
}

// intervalSetting is the setting that says how often a device measures, in seconds.
const intervalSetting = "interval_s"

// longestInterval bounds that setting: times are counted in nanoseconds.
const longestInterval = 10 * 365 * 24 * time.Hour

// apply does what was wanted of one setting.
func (s *settings) apply(name string, value any) {
	s.own()
	s.applied[name] = value
	if seconds, ok := asNumber(value); ok && name == intervalSetting && seconds > 0 {
		seconds = min(seconds, longestInterval.Seconds())
		s.interval = max(time.Millisecond, microseconds(float64(seconds*float64(time.Second))))
	}
}

// forget takes a setting back.
func (s *settings) forget(name string) {
	s.own()
	delete(s.applied, name)
	if name == intervalSetting {
		s.interval = 0
	}
}

// asNumber is a value to compute with, if it is a number.
func asNumber(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case json.Number:
		n, err := v.Float64()
		return n, err == nil
	default:
		return 0, false
	}
}
