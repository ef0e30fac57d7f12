package bench

import "syscall"

// childAttributes keep an interrupt typed at our terminal from a child, which we stop ourselves, and make the kernel stop
// it when we die.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
