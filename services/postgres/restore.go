package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// ErrNotEmpty says that a directory holds a server already.
var ErrNotEmpty = errors.New("there is a database already")

// restoring is where a server is put together before anybody else may find it.
const restoring = "restoring"

// Restore makes the server of the data directory anew of a backup's files. files hands them over and ends with an
// error when they are not what they were; then, or when anything else fails, nothing is left. settle gets the URL of
// the recovered database before the directory is in its place: what must be done before any node opens it is done
// there. The recovered server is on a timeline of its own.
func Restore(ctx context.Context, config ServerConfig, files func(put func(BackupFile) error) error, settle func(ctx context.Context, url string) error) (err error) {
	dir, err := filepath.Abs(config.DataDir)
	if err != nil || config.DataDir == "" {
		return fmt.Errorf("restore: no usable data directory %q", config.DataDir)
	}
	who, err := serverAccount()
	if err == nil {
		err = who.prepare(dir)
	}
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	unlock, err := lockFile(ctx, filepath.Join(dir, "postgres.lock"))
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	defer unlock()
	if _, err := os.Lstat(filepath.Join(dir, "postgres")); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("restore: %w in %s: give another --data-dir, or move that one away", ErrNotEmpty, dir)
	}
	stage := filepath.Join(dir, restoring)
	if err := os.RemoveAll(stage); err != nil { // of a restore that was killed
		return fmt.Errorf("restore: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(stage)
		}
	}()
	if err := unpack(who, stage, files); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	config.DataDir = stage
	if err := recoverServer(ctx, config, settle); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return settleIn(stage, dir)
}

// unpack writes the files where only the server's user reads them, and asks for a recovery.
func unpack(who account, stage string, files func(put func(BackupFile) error) error) error {
	if err := who.prepare(stage); err != nil {
		return err
	}
	if err := files(func(f BackupFile) error { return unpackOne(who, stage, f) }); err != nil {
		return err
	}
	return unpackOne(who, stage, text("postgres/recovery.signal", ""))
}

func unpackOne(who account, stage string, f BackupFile) error {
	if !fs.ValidPath(f.Name) || f.Name != "postgres.password" && f.Name != "postgres" && !strings.HasPrefix(f.Name, "postgres/") {
		return fmt.Errorf("the backup holds %q, which is no file of a database", f.Name)
	}
	target := filepath.Join(stage, filepath.FromSlash(f.Name))
	if f.Dir {
		if err := os.Mkdir(target, 0o700); err != nil {
			return err
		}
		return who.own(target)
	}
	if _, err := os.Lstat(filepath.Join(stage, filepath.FromSlash(path.Dir(f.Name)))); err != nil {
		return err
	}
	out, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(out, f.Body)
	if err = errors.Join(err, out.Close()); err == nil && n != f.Size {
		err = fmt.Errorf("%s has %d bytes instead of %d", f.Name, n, f.Size)
	}
	if err != nil {
		return err
	}
	return who.own(target)
}

// recoverServer starts the copied server, which replays the log that came with it and begins a timeline of its own,
// lets settle work on it, and stops it. Nobody can connect before it has recovered.
func recoverServer(ctx context.Context, config ServerConfig, settle func(ctx context.Context, url string) error) (err error) {
	config.Settings = map[string]string{"restore_command": "exit 1", "recovery_target_timeline": "current", "hot_standby": "off"}
	config.StartTimeout = max(config.StartTimeout, time.Hour)
	server, err := Start(ctx, config)
	if err != nil {
		return err
	}
	defer func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
		defer cancel()
		err = errors.Join(err, server.Stop(bounded))
	}()
	return settle(ctx, server.URL())
}

// settleIn moves the finished server to its place; the directory goes last, in one step, and is what makes it one.
func settleIn(stage, dir string) error {
	for _, name := range []string{"postgres.password", "postgres"} {
		if err := os.Rename(filepath.Join(stage, name), filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
	}
	if err := os.RemoveAll(stage); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	defer d.Close()
	return d.Sync()
}

// Empty tells whether a data directory holds nothing that a restore would hide or break: no server, nothing but a
// root secret and what an earlier, unfinished restore left.
func Empty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !slices.Contains([]string{restoring, "secret.key", "postgres.lock"}, entry.Name()) {
			return fmt.Errorf("%w or something else in %s (%s): give an empty --data-dir", ErrNotEmpty, dir, entry.Name())
		}
	}
	return nil
}
