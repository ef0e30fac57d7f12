package backup

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/wantgo/wantgo/services/postgres"
)

// Request says what to copy and where to.
type Request struct {
	File    string // must not exist
	Secret  string // a file with the root secret, to be put in; empty: it stays out
	Program string
	Now     time.Time
}

// Write copies a running embedded server into a file, which appears under its name when it is whole and on the disk.
func Write(ctx context.Context, server *postgres.Server, r Request) (*Manifest, error) {
	if _, err := os.Lstat(r.File); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("backup: %s exists already and is not overwritten", r.File)
	}
	partial, err := os.CreateTemp(filepath.Dir(r.File), "."+filepath.Base(r.File)+".*.partial") // closed to others
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	defer os.Remove(partial.Name())
	m, err := write(ctx, server, partial, r)
	if err = errors.Join(err, partial.Close()); err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	if err := os.Link(partial.Name(), r.File); err != nil { // unlike a rename it replaces nothing
		return nil, fmt.Errorf("backup: %w", err)
	}
	return m, syncDirectory(filepath.Dir(r.File))
}

func write(ctx context.Context, server *postgres.Server, file *os.File, r Request) (*Manifest, error) {
	buffered := bufio.NewWriterSize(file, 1<<20)
	w, err := newWriter(buffered)
	if err != nil {
		return nil, err
	}
	m := Manifest{Made: r.Now.UTC(), Program: r.Program, Secret: r.Secret != ""}
	if m.Facts, err = server.Backup(ctx, w.put); err != nil {
		return nil, err
	}
	if r.Secret != "" {
		text, err := os.ReadFile(r.Secret)
		if err != nil {
			return nil, err
		}
		if err := w.put(postgres.BackupFile{Name: secretName, Size: int64(len(text)), Body: bytes.NewReader(text)}); err != nil {
			return nil, err
		}
	}
	if err := w.finish(m); err != nil {
		return nil, err
	}
	if err := buffered.Flush(); err != nil {
		return nil, err
	}
	m.Files = w.files
	return &m, file.Sync()
}

func syncDirectory(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
