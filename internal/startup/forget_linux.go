package startup

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Forget takes the pages of the program file out of this process's memory. Those that are used again come back from the
// file cache at once.
//
// The start runs through every package, and for each page it touches the kernel maps 15 neighbours. That makes 16 MiB, of
// which a process that waits for messages needs 3. The kernel would keep them all in memory, because they look used.
func Forget() error {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("find the program file: %w", err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return fmt.Errorf("list the memory of the process: %w", err)
	}
	for line := range strings.Lines(string(maps)) {
		if !strings.HasSuffix(strings.TrimSuffix(line, "\n"), " "+program) {
			continue
		}
		if err := forget(line); err != nil {
			return err
		}
	}
	return nil
}

// forget takes the pages of one line of /proc/self/maps out of memory, unless they can be written: those are not the file's
// any more.
func forget(line string) error {
	var start, end uintptr
	var mode string
	if _, err := fmt.Sscanf(line, "%x-%x %s", &start, &end, &mode); err != nil {
		return fmt.Errorf("read %q: %w", line, err)
	}
	if strings.Contains(mode, "w") {
		return nil
	}
	if _, _, err := unix.Syscall(unix.SYS_MADVISE, start, end-start, unix.MADV_DONTNEED); err != 0 {
		return fmt.Errorf("give back %q: %w", line, err)
	}
	return nil
}
