//go:build !linux

package postgres

import "syscall"

// childAttributes start the server in a session of its own, so that an interrupt typed at our terminal does not stop
// it before us. Only Linux can tie a child's life to its parent's.
func childAttributes(a account, tied bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Credential: a.credential()}
}
