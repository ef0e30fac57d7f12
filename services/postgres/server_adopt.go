package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// postmaster is what a running server writes about itself.
type postmaster struct {
	pid, port int
	status    string
}

func readPostmaster(pg string) (postmaster, error) {
	b, err := os.ReadFile(filepath.Join(pg, "postmaster.pid"))
	if err != nil {
		return postmaster{}, err
	}
	lines := strings.Split(string(b), "\n")
	if len(lines) < 4 {
		return postmaster{}, errors.New("postmaster.pid is not complete")
	}
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil || pid <= 1 {
		return postmaster{}, fmt.Errorf("postmaster.pid names process %q", lines[0])
	}
	port, _ := strconv.Atoi(strings.TrimSpace(lines[3]))
	p := postmaster{pid: pid, port: port}
	if len(lines) > 7 {
		p.status = strings.TrimSpace(lines[7])
	}
	return p, nil
}

func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// adopt takes over the server that runs on our data directory, if one does. One that is still starting or stopping
// is waited for. A process id that now belongs to something else is told by nobody answering on its port for a while;
// the server then started makes its own check of the directory's lock.
func (s *Server) adopt(ctx context.Context) (bool, error) {
	post, err := readPostmaster(s.pg())
	if err != nil || !alive(post.pid) {
		return false, nil
	}
	if s.password, err = s.readPassword(); err != nil {
		return false, err
	}
	timeout := time.After(s.config.StartTimeout)
	patience := time.Now().Add(5 * time.Second)
	for {
		s.port = post.port
		last := s.answers(ctx)
		if last == nil {
			return true, s.describe(ctx)
		}
		select {
		case <-timeout:
			return false, fmt.Errorf("the server that runs on %s (process %d) does not answer: %w", s.pg(), post.pid, last)
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
		if post, err = readPostmaster(s.pg()); err != nil || !alive(post.pid) {
			return false, nil
		}
		if post.status == "ready" && errors.Is(last, syscall.ECONNREFUSED) && time.Now().After(patience) {
			return false, nil
		}
	}
}

// describe finds out about an adopted server what we would know of one we started.
func (s *Server) describe(ctx context.Context) error {
	text, err := os.ReadFile(filepath.Join(s.pg(), "postgresql.conf"))
	if err != nil {
		return err
	}
	s.text = string(text)
	conn, err := connect(ctx, s.url("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var number int
	if err := conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&number); err != nil {
		return err
	}
	s.binaries = Binaries{Version: fmt.Sprintf("%d.%d", number/10000, number%10000), Major: number / 10000, Origin: "running", Dir: s.pg()}
	if opts, err := os.ReadFile(filepath.Join(s.pg(), "postmaster.opts")); err == nil {
		program, _, _ := strings.Cut(string(opts), " ")
		s.binaries.Dir = filepath.Dir(program)
	}
	return nil
}
