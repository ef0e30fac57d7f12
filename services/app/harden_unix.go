//go:build unix

package app

import (
	"runtime/debug"
	"syscall"
)

// Harden keeps what is in memory, people's last positions among it, out of files: no core dumps, of this process or of
// those it starts, and panics that print neither arguments nor stacks. GOTRACEBACK in the environment can ask for more.
func Harden() {
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	debug.SetTraceback("none")
}
