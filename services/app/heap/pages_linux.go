package heap

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"syscall"
)

const (
	madvHugePage = 14
	largePage    = 2 << 20
)

// largePages asks for large pages for the heap. Where the system's setting is "madvise", the usual one, nobody gets any
// who does not ask; and with small ones a look at each of many thousand people is a walk through the page tables first.
// Where there are none nothing happens.
func largePages() {
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer maps.Close()
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		if from, until, ok := heapRange(lines.Text()); ok {
			_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, from, until-from, madvHugePage)
		}
	}
}

// heapRange reads a line of /proc/self/maps: private writable memory without a file where Go's heap is.
func heapRange(line string) (from, until uintptr, ok bool) {
	var rights string
	var offset, inode uint64
	var device string
	n, _ := fmt.Sscanf(line, "%x-%x %s %x %s %d", &from, &until, &rights, &offset, &device, &inode)
	const heapFrom, heapUntil = 0xc000000000, 0xc000000000 + 1<<40
	ok = n == 6 && strings.HasPrefix(rights, "rw-p") && inode == 0 && from >= heapFrom && until <= heapUntil && until-from >= largePage
	return from, until, ok
}
