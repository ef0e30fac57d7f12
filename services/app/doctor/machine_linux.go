package doctor

import "syscall"

// clockSynchronised asks the kernel whether something sets the clock.
func clockSynchronised() *bool {
	const unsynchronised = 0x40 // STA_UNSYNC of <sys/timex.h>
	var t syscall.Timex
	if _, err := syscall.Adjtimex(&t); err != nil {
		return nil
	}
	synchronised := t.Status&unsynchronised == 0
	return &synchronised
}
