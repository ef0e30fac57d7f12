//go:build !linux

package push

import "syscall"

func tied() *syscall.SysProcAttr { return nil }
