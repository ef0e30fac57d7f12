package heap

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHeapRange(t *testing.T) {
	from, until, ok := heapRange("c000000000-c004000000 rw-p 00000000 00:00 0 ")
	require.True(t, ok)
	require.Equal(t, []uintptr{0xc000000000, 0xc004000000}, []uintptr{from, until})
	for _, line := range []string{
		"c000000000-c004000000 ---p 00000000 00:00 0", "c000000000-c000001000 rw-p 00000000 00:00 0", "",
		"7f0000000000-7f0004000000 rw-p 00000000 00:00 0", "c000000000-c004000000 rw-s 00000000 00:00 12 /file", "garbage",
	} {
		_, _, ok := heapRange(line)
		require.False(t, ok, line)
	}
}
