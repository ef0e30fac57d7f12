package backup

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/wantgo/wantgo/services/postgres"
)

// The archive is a gzipped tar: the files of the database, and at the end the manifest, which names every one of them
// with its size and SHA-256. One that was cut off has no manifest.
const (
	manifestName = "manifest.json"
	secretName   = "secret.key"
	format       = 1
	mostManifest = 256 << 20
)

// Manifest is the archive's last entry.
type Manifest struct {
	Format  int                  `json:"wantgo_backup"`
	Made    time.Time            `json:"made"`
	Program string               `json:"program"` // the version of wantgo that made it
	Facts   postgres.BackupFacts `json:"database"`
	Secret  bool                 `json:"secret"` // the root secret is in it
	Files   []Entry              `json:"files"`
}

// Entry is one file of an archive.
type Entry struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// ErrDamaged says that an archive is not what was written.
var ErrDamaged = errors.New("the archive is damaged or not complete")

// writer makes an archive.
type writer struct {
	packed *gzip.Writer
	tar    *tar.Writer
	files  []Entry
}

func newWriter(w io.Writer) (*writer, error) {
	packed, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	return &writer{packed: packed, tar: tar.NewWriter(packed)}, nil
}

func (w *writer) put(f postgres.BackupFile) error {
	if f.Dir {
		return w.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: f.Name + "/", Mode: 0o700})
	}
	if err := w.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.Name, Mode: 0o600, Size: f.Size}); err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(w.tar, sum), f.Body); err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	w.files = append(w.files, Entry{f.Name, f.Size, hex.EncodeToString(sum.Sum(nil))})
	return nil
}

// finish writes the manifest.
func (w *writer) finish(m Manifest) error {
	m.Format, m.Files = format, w.files
	text, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	if err := w.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: manifestName, Mode: 0o600, Size: int64(len(text))}); err != nil {
		return err
	}
	if _, err := w.tar.Write(text); err != nil {
		return err
	}
	return errors.Join(w.tar.Close(), w.packed.Close())
}

// read goes through an archive and hands every file to put. Only after the end is it known whether all of it was
// right: whatever put has made of an archive that ends with an error must go.
func read(r io.Reader, put func(postgres.BackupFile) error) (*Manifest, error) {
	packed, err := gzip.NewReader(bufio.NewReaderSize(r, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	var got []Entry
	for archive := tar.NewReader(packed); ; {
		header, err := archive.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("%w: it has no manifest", ErrDamaged)
		case err != nil:
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		case header.Name == manifestName:
			return finished(archive, packed, got)
		case header.Typeflag == tar.TypeDir:
			if err := put(postgres.BackupFile{Name: header.Name[:max(0, len(header.Name)-1)], Dir: true}); err != nil {
				return nil, err
			}
			continue
		case header.Typeflag != tar.TypeReg:
			return nil, fmt.Errorf("%w: %s is neither a file nor a directory", ErrDamaged, header.Name)
		}
		sum := sha256.New()
		body := &source{r: io.TeeReader(archive, sum)}
		err = put(postgres.BackupFile{Name: header.Name, Size: header.Size, Body: body})
		switch {
		case body.fault != nil:
			return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, header.Name, body.fault)
		case err != nil:
			return nil, err
		}
		got = append(got, Entry{header.Name, header.Size, hex.EncodeToString(sum.Sum(nil))})
	}
}

// source tells faults of the archive from faults of whoever takes what is read.
type source struct {
	r     io.Reader
	fault error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.fault = err
	}
	return n, err
}

// finished reads the manifest and what follows (nothing but the checksum of the whole), and compares.
func finished(archive *tar.Reader, packed *gzip.Reader, got []Entry) (*Manifest, error) {
	text, err := io.ReadAll(io.LimitReader(archive, mostManifest))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if _, err := archive.Next(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: something follows the manifest", ErrDamaged)
	}
	if _, err := io.Copy(io.Discard, packed); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if m.Format != format {
		return nil, fmt.Errorf("the archive is of format %d; this program reads %d", m.Format, format)
	}
	if !slices.Equal(got, m.Files) {
		return nil, fmt.Errorf("%w: its files are not those of its manifest", ErrDamaged)
	}
	return &m, nil
}
