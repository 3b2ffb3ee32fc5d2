// Package startup gives memory back that only the start of the program has needed: see [ForgetSoon].
package startup

import "time"

// over is when the start is over: it takes 10 ms, and 250 ms on a busy machine. A shorter run needs to give nothing back.
const over = 250 * time.Millisecond

// ForgetSoon has [Forget] called once the start is over, unless stop is called before. Where that is impossible the process
// stays as it is.
func ForgetSoon() (stop func()) {
	timer := time.AfterFunc(over, func() { _ = Forget() })
	return func() { timer.Stop() }
}
