package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopTime is how long a process may take to stop when it is asked to.
const stopTime = 60 * time.Second

// process is another instance of this program.
type process struct {
	command  *exec.Cmd
	said     *tail
	ended    chan struct{}
	err      error // of its end, once ended is closed
	api      string
	internal string
}

// ready is the line with which `serve` and the empty service say where they answer, publicly and internally.
var ready = regexp.MustCompile(`ready: api http://(\S+)(?: internal http://(\S+))?`)

// start runs this program with arguments and returns when it says where it answers, in a line that says fits.
func start(ctx context.Context, program string, says *regexp.Regexp, args ...string) (*process, error) {
	p := &process{command: exec.Command(program, args...), said: &tail{}, ended: make(chan struct{})}
	p.command.Env = plainEnv()
	p.command.Stderr = p.said
	p.command.SysProcAttr = childAttributes()
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	told, started := make(chan []string, 1), make(chan error, 1)
	go p.run(out, says, started, told)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", args[0], err)
	}
	select {
	case at := <-told:
		p.api, p.internal = at[1], at[2]
		return p, nil
	case <-p.ended:
		return nil, fmt.Errorf("%s ended: %w: %s", args[0], p.err, p.said)
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), p.stop())
	}
}

// run starts the process on a thread that lives as long as it does, since the kernel ties a child to the thread that made
// it, and follows it to its end.
func (p *process) run(out io.Reader, says *regexp.Regexp, started chan<- error, told chan<- []string) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.command.Start()
	started <- err
	if err != nil {
		return
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if at := says.FindStringSubmatch(lines.Text()); at != nil {
			told <- at
			break
		}
	}
	_, _ = io.Copy(io.Discard, out)
	p.err = p.command.Wait()
	close(p.ended)
}

// plainEnv is our environment without settings of wantgo: the flags say what is measured.
func plainEnv() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "WANTGO_") || strings.HasPrefix(v, "WANTGO_BENCH_") {
			env = append(env, v)
		}
	}
	return env
}

// stop asks the process to stop and waits for its end. A second stop does nothing.
func (p *process) stop() error {
	select {
	case <-p.ended:
		return nil
	default:
	}
	_ = p.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(stopTime):
		_ = p.command.Process.Kill()
		<-p.ended
	}
	if p.err != nil {
		return fmt.Errorf("%s: %w: %s", p.command.Args[1], p.err, p.said)
	}
	return nil
}

// tail keeps the last that a process said.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 4 << 10

// Write keeps the end of what is written.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if n := len(t.text) - tailSize; n > 0 {
		t.text = append(t.text[:0], t.text[n:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}
