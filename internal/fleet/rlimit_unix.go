//go:build unix

package fleet

import "syscall"

// RaiseFileLimit lets this process have as many connections open as the system allows it, and returns how many files that
// is.
func RaiseFileLimit() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	if limit.Cur < limit.Max {
		limit.Cur = limit.Max
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) // what there is is what there is
		_ = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
	const most = 1 << 30
	return int(min(limit.Cur, most))
}
