//go:build !linux

package chaos

import "syscall"

func tied(as *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Credential: as}
}
