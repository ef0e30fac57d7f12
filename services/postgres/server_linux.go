package postgres

import "syscall"

// childAttributes start the server in a session of its own, so that an interrupt typed at our terminal does not stop
// it before us. With tied, the kernel stops it when we die.
func childAttributes(a account, tied bool) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true, Credential: a.credential()}
	if tied {
		attr.Pdeathsig = syscall.SIGQUIT
	}
	return attr
}
