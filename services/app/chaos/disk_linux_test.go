package chaos

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// mountSmallDisk makes dir a disk of its own, where this user may.
func mountSmallDisk(t *testing.T, dir string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=192m,mode=0711"); err != nil {
		t.Skipf("a full disk needs a small one to be mounted: %v (run as root)", err)
	}
	t.Cleanup(func() {
		_ = os.RemoveAll(dir)
		require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH))
	})
}
