//go:build !linux

package bench

import "syscall"

// childAttributes keep an interrupt typed at our terminal from a child, which we stop ourselves.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
