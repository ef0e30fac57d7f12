package chaos

import "syscall"

// tied starts a process in a session of its own that the kernel ends with this one.
func tied(as *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL, Credential: as}
}
