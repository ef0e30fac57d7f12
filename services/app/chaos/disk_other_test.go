//go:build !linux

package chaos

import "testing"

func mountSmallDisk(t *testing.T, _ string) {
	t.Skip("a full disk needs a small one to be mounted: Linux only")
}
