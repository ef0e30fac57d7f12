package track

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// source is one format being read. next returns io.EOF at the end, a *Refusal for a row that is left out, and any
// other error when nothing after it can be read.
type source interface{ next() (Point, error) }

// Reader reads points one after another, in the order of the file.
type Reader struct {
	source source
	ended  error
	closer io.Closer
}

// Open opens a file for reading; Close it.
func Open(path string) (*Reader, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := NewReader(file, filepath.Base(path))
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	r.closer = file
	return r, nil
}

// NewReader finds out format and compression from the first bytes, not from the name. The name is what a nameless GPX
// track is called after. It fails when the header lacks a needed column.
func NewReader(r io.Reader, name string) (*Reader, error) {
	plain, err := unzip(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	source, err := sniff(plain, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &Reader{source: source}, nil
}

const bufferSize = 64 << 10

func unzip(r io.Reader) (*bufio.Reader, error) {
	buffered := bufio.NewReaderSize(r, bufferSize)
	magic, _ := buffered.Peek(2)
	if !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return buffered, nil
	}
	z, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, err
	}
	return bufio.NewReaderSize(z, bufferSize), nil
}

func sniff(r *bufio.Reader, name string) (source, error) {
	start, err := r.Peek(512)
	if len(start) == 0 {
		if err == io.EOF {
			err = errors.New("the file is empty")
		}
		return nil, err
	}
	if bytes.HasPrefix(start, []byte{0xff, 0xfe}) || bytes.HasPrefix(start, []byte{0xfe, 0xff}) {
		return nil, errors.New("the file is UTF-16; save it as UTF-8")
	}
	mark := []byte("\xef\xbb\xbf")
	if bytes.HasPrefix(start, mark) {
		_, _ = r.Discard(len(mark))
		start = start[len(mark):]
	}
	if bytes.HasPrefix(bytes.TrimSpace(start), []byte("<")) {
		return newGPX(r, name), nil
	}
	return newCSV(r)
}

// Next returns the next point. A *Refusal (errors.As) is about one row: go on. io.EOF is the end, and any other
// error too: it says why the rest cannot be read.
func (r *Reader) Next() (Point, error) {
	if r.ended != nil {
		return Point{}, r.ended
	}
	p, err := r.source.next()
	if err == nil {
		return p, nil
	}
	if _, one := err.(*Refusal); !one {
		r.ended = err
	}
	return Point{}, err
}

// Close closes the file that Open opened.
func (r *Reader) Close() error {
	if r.closer == nil {
		return nil
	}
	return r.closer.Close()
}
