package simulate

import (
	"sync"
	"time"

	"github.com/mqx-cli/mqx/internal/profile"
)

// sharedValues are the values that all devices of a site see alike. They go on by steps, so that everybody who asks within
// a step sees the same, in whatever order and in whatever part of the fleet.
type sharedValues struct {
	run   *Run
	mutex sync.Mutex
	sites map[string]*sharedValue
}

// sharedValue is one value at one site.
type sharedValue struct {
	signal *signalValue
	step   int64 // of the last value
	recent [recentSteps]any
}

// recentSteps is how many steps back somebody may ask: devices are not asked in the order of time to the last bit.
const recentSteps = 8

// at is the value of a site at a time.
func (v *sharedValues) at(s *profile.Shared, site string, now time.Duration) any {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	key := s.Name + "\x00" + site
	one := v.sites[key]
	if one == nil {
		p := v.run.Profile
		one = &sharedValue{step: -1}
		one.signal = newSignalValue(s.Value, 0, v, site, func(purpose string) *stream {
			return newStream(p.Seed, p.Name, "shared", site, s.Name, purpose)
		})
		v.sites[key] = one
	}
	step := int64(now / s.Every)
	for one.step < step {
		one.step++
		at := time.Duration(one.step) * s.Every
		m := moment{now: at, wall: v.run.Start.Add(at), expr: &profile.ExprEnv{}}
		m.look = func(string, string) (any, bool) { return nil, false }
		value, _ := one.signal.next(&m)
		one.recent[one.step%recentSteps] = value
	}
	return one.recent[max(step, one.step-recentSteps+1)%recentSteps]
}

type sharedSource struct {
	all  *sharedValues
	from *profile.Shared
	site string
}

func (s sharedSource) next(m *moment) any { return s.all.at(s.from, s.site, m.now) }
