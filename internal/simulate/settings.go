package simulate

import (
	"time"

	"github.com/mqx-cli/mqx/internal/profile"
)

// settings are what a device is set to.
type settings struct {
	// wanted is what it was told last, applied what it does. Values are float64, string or bool, or of package payload where
	// every key is accepted.
	wanted, applied map[string]any
	// interval replaces the time between measurements, 0 for none.
	interval time.Duration
}

// reset takes the defaults.
func (s *settings) reset(t *profile.DeviceType) {
	s.wanted, s.applied, s.interval = map[string]any{}, map[string]any{}, 0
	for i := range t.Desired.Accepts {
		if a := &t.Desired.Accepts[i]; a.Default != nil {
			s.wanted[a.Name], s.applied[a.Name] = a.Default, a.Default
		}
	}
}

// intervalSetting is the setting that says how often a device measures, in seconds.
const intervalSetting = "interval_s"

// apply does what was wanted of one setting.
func (s *settings) apply(name string, value any) {
	s.applied[name] = value
	if seconds, ok := value.(float64); ok && name == intervalSetting && seconds > 0 {
		s.interval = max(time.Millisecond, microseconds(float64(seconds*float64(time.Second))))
	}
}

// forget takes a setting back.
func (s *settings) forget(name string) {
	delete(s.applied, name)
	if name == intervalSetting {
		s.interval = 0
	}
}
