package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clockTick is the unit of CPU times in /proc on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// spent is CPU time, user and system, up to a moment.
type spent struct {
	node     time.Duration // the server process
	postgres time.Duration // its database server with all backends, ended ones too
	client   time.Duration // this process
}

func (s spent) since(before spent) spent {
	return spent{s.node - before.node, s.postgres - before.postgres, s.client - before.client}
}

// usageOf reads what the server process and its database have used. Where there is no /proc only the client's is known.
func usageOf(p *process, dataDir string) spent {
	s := spent{client: ownTime()}
	processes := readProcesses()
	if own, ok := processes[p.command.Process.Pid]; ok {
		s.node = own.own
	}
	if pid := postmaster(dataDir); pid != 0 {
		s.postgres = timeOfTree(processes, pid)
	}
	return s
}

// running is one process as /proc tells of it.
type running struct {
	parent int
	own    time.Duration
	ended  time.Duration // of children that ended
}

func readProcesses() map[int]running {
	paths, _ := filepath.Glob("/proc/[0-9]*/stat")
	all := make(map[int]running, len(paths))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if r, ok := parseStat(text); ok {
			all[pid] = r
		}
	}
	return all
}

// parseStat reads fields 4 and 14 to 17 of /proc/pid/stat (proc(5)). The name, field 2, may hold anything.
func parseStat(text []byte) (r running, ok bool) {
	end := bytes.LastIndexByte(text, ')')
	if end < 0 {
		return r, false
	}
	f := strings.Fields(string(text[end+1:]))
	if len(f) < 15 {
		return r, false
	}
	number := func(i int) time.Duration {
		n, _ := strconv.ParseInt(f[i], 10, 64)
		return time.Duration(n) * clockTick
	}
	r.parent, _ = strconv.Atoi(f[1])
	r.own, r.ended = number(11)+number(12), number(13)+number(14)
	return r, true
}

func timeOfTree(all map[int]running, root int) time.Duration {
	sum := all[root].own + all[root].ended
	for _, r := range all {
		if r.parent == root {
			sum += r.own + r.ended
		}
	}
	return sum
}

// postmaster is the process id of the embedded server; 0: none runs.
func postmaster(dataDir string) int {
	text, err := os.ReadFile(filepath.Join(dataDir, "postgres", "postmaster.pid"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, _ := strconv.Atoi(strings.TrimSpace(first))
	return pid
}

func ownTime() time.Duration {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// residentMB is a field of /proc/pid/status, such as VmRSS or VmHWM, in MB (10^6 bytes); 0: unknown.
func residentMB(pid int, field string) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb * 1024 / 1e6
		}
	}
	return 0
}

// heap is what the server's runtime says of its memory.
type heap struct {
	allocated float64 // bytes since the start
	objects   float64 // allocations since the start
	live      float64 // bytes
}

// heapOf reads a server's metrics. collect: its garbage first.
func heapOf(p *process, collect bool) (h heap, err error) {
	if collect {
		if err := get(p, "/debug/pprof/heap?gc=1&debug=0", func(*bufio.Reader) error { return nil }); err != nil {
			return h, err
		}
	}
	err = get(p, "/metrics", func(r *bufio.Reader) error {
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), " ")
			v, _ := strconv.ParseFloat(value, 64)
			switch name {
			case "go_memstats_alloc_bytes_total":
				h.allocated = v
			case "go_memstats_mallocs_total":
				h.objects = v
			case "go_memstats_heap_alloc_bytes":
				h.live = v
			}
		}
		return lines.Err()
	})
	return h, err
}

// get reads a page of a server's internal listener.
func get(p *process, path string, read func(*bufio.Reader) error) error {
	answer, err := http.Get("http://" + p.internal + path)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, answer.Status)
	}
	return read(bufio.NewReader(answer.Body))
}

// saveProfile writes a profile page to a file.
func saveProfile(p *process, path, file string) error {
	return get(p, path, func(r *bufio.Reader) error {
		f, err := os.Create(file)
		if err != nil {
			return err
		}
		_, err = r.WriteTo(f)
		if closed := f.Close(); err == nil {
			err = closed
		}
		return err
	})
}

// measureSync is the median time of writing a page and bringing it to disk in a directory, microseconds.
func measureSync(dir string) (float64, error) {
	f, err := os.CreateTemp(dir, "sync-")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	page := make([]byte, 8<<10)
	times := make([]uint32, 0, 200)
	for range cap(times) {
		began := time.Now()
		if _, err := f.Write(page); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		times = append(times, uint32(time.Since(began).Microseconds()))
	}
	return quantile(times, 0.5), nil
}
