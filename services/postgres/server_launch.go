package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// launch makes the data directory if need be and starts the server as our child.
func (s *Server) launch(ctx context.Context) (err error) {
	if s.binaries, err = s.chooseBinaries(ctx); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(s.pg(), "PG_VERSION")); errors.Is(err, fs.ErrNotExist) {
		if err := s.initialise(ctx); err != nil {
			return err
		}
	}
	if s.password, err = s.readPassword(); err != nil {
		return err
	}
	if s.text, err = writeSettings(s.account, s.pg(), s.config.Settings); err != nil {
		return err
	}
	for try := 1; ; try++ {
		if err := s.launchOnce(ctx); err == nil || try == 3 || s.config.Port != 0 || ctx.Err() != nil {
			return err
		}
	}
}

// chooseBinaries finds programs of the version that made the data directory.
func (s *Server) chooseBinaries(ctx context.Context) (Binaries, error) {
	made, err := os.ReadFile(filepath.Join(s.pg(), "PG_VERSION"))
	if err != nil {
		return FetchBinaries(ctx)
	}
	major, _ := strconv.Atoi(strings.TrimSpace(string(made)))
	all := allBinaries(ctx)
	for _, b := range all {
		if b.Major == major {
			return b, nil
		}
	}
	if b, err := fetchMissing(ctx, all); err == nil && b.Major == major {
		return b, nil
	}
	return Binaries{}, fmt.Errorf("%s was made by PostgreSQL %d, which is not installed any more", s.pg(), major)
}

// initialise makes the cluster beside its place and renames it, so that a directory that exists is whole.
func (s *Server) initialise(ctx context.Context) error {
	fresh := s.pg() + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := os.Mkdir(fresh, 0o700); err != nil {
		return err
	}
	if err := s.account.own(fresh); err != nil {
		return err
	}
	password := rand.Text()
	secret := s.path("postgres.password")
	if err := os.WriteFile(secret, []byte(password+"\n"), 0o600); err != nil {
		return err
	}
	if err := os.Chmod(secret, 0o600); err != nil {
		return err
	}
	if err := s.account.own(secret); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(s.binaries.Dir, "initdb"), "-D", fresh, "-U", serverRole, "--pwfile", secret,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions")
	cmd.Dir, cmd.Env = fresh, serverEnv()
	cmd.SysProcAttr = childAttributes(s.account, false)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, oneLine(string(out)))
	}
	if err := os.RemoveAll(s.pg()); err != nil {
		return err
	}
	return os.Rename(fresh, s.pg())
}

func (s *Server) readPassword() (string, error) {
	b, err := os.ReadFile(s.path("postgres.password"))
	if err != nil {
		return "", fmt.Errorf("password of the embedded server: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// serverEnv keeps our own environment, and the secrets in it, from the server.
func serverEnv() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC", "HOME=/"}
}

func (s *Server) launchOnce(ctx context.Context) (err error) {
	if s.port = s.config.Port; s.port == 0 {
		if s.port, err = freePort(); err != nil {
			return err
		}
	}
	log, from, err := s.openLog()
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(s.binaries.Dir, "postgres"), "-D", s.pg(), "-p", strconv.Itoa(s.port))
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.pg(), serverEnv(), log, log
	cmd.SysProcAttr = childAttributes(s.account, s.config.Tied)
	exited, err := runChild(cmd)
	if err != nil {
		return err
	}
	timeout := time.After(s.config.StartTimeout)
	for {
		last := s.answers(ctx)
		if last == nil {
			return nil
		}
		select {
		case <-exited:
			return fmt.Errorf("PostgreSQL did not start: %s", s.logSince(from))
		case <-timeout:
			return errors.Join(fmt.Errorf("PostgreSQL does not answer after %s: %w", s.config.StartTimeout, last), s.halt(context.WithoutCancel(ctx)))
		case <-ctx.Done():
			return errors.Join(ctx.Err(), s.halt(context.WithoutCancel(ctx)))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// runChild starts cmd on a thread that lives as long as the child: the kernel ties a child to the thread that made it.
func runChild(cmd *exec.Cmd) (<-chan struct{}, error) {
	exited, started := make(chan struct{}), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
		close(exited)
	}()
	return exited, <-started
}

const largestLog = 16 << 20

func (s *Server) openLog() (*os.File, int64, error) {
	path := s.path("postgres.log")
	if info, err := os.Stat(path); err == nil && info.Size() > largestLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, 0, err
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

func (s *Server) logSince(from int64) string {
	b, err := os.ReadFile(s.path("postgres.log"))
	if err != nil || int64(len(b)) <= from {
		return "no word in " + s.path("postgres.log")
	}
	return oneLine(string(b[from:]))
}
