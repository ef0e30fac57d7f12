package backup

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/postgres"
)

// header is the first line of a list of erasures; a person a line follows.
type header struct {
	Format int       `json:"wantgo_erasures"`
	System string    `json:"system"`
	AsOf   time.Time `json:"as_of"`
	People int       `json:"people"`
}

// WriteErasures writes a list: one JSON object a line, the first of which says whose it is, of when, and how long.
func WriteErasures(w io.Writer, list postgres.ErasureList) error {
	buffered := bufio.NewWriter(w)
	encoder := json.NewEncoder(buffered)
	err := encoder.Encode(header{format, list.System, list.AsOf, len(list.People)})
	for i := range list.People {
		err = errors.Join(err, encoder.Encode(&list.People[i]))
	}
	return errors.Join(err, buffered.Flush())
}

// ReplaceErasures puts a list into a file, in place of an older one, so that at every moment one of them is whole.
func ReplaceErasures(name string, list postgres.ErasureList) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*.partial")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := errors.Join(WriteErasures(f, list), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(name))
}

// ReadErasures reads a list whole, or tells which line is wrong.
func ReadErasures(name string) (list postgres.ErasureList, err error) {
	f, err := os.Open(name)
	if err != nil {
		return list, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<16)
	var h header
	for n := 1; lines.Scan(); n++ {
		var e postgres.Erasure
		if n == 1 {
			err = strict(lines.Bytes(), &h)
		} else {
			err = strict(lines.Bytes(), &e)
		}
		switch {
		case err != nil:
			return list, fmt.Errorf("%s: line %d: %w", name, n, err)
		case n == 1 && (h.Format != format || h.System == "" || h.AsOf.IsZero()):
			return list, fmt.Errorf("%s is no list of erasures that this program reads", name)
		case n > 1 && (e.BrandID == uuid.Nil || e.PersonID == uuid.Nil):
			return list, fmt.Errorf("%s: line %d names nobody", name, n)
		case n > 1:
			list.People = append(list.People, e)
		}
	}
	if err := lines.Err(); err != nil {
		return list, fmt.Errorf("%s: %w", name, err)
	}
	if h.Format == 0 || len(list.People) != h.People {
		return list, fmt.Errorf("%s is cut off: it has %d people of %d", name, len(list.People), h.People)
	}
	list.System, list.AsOf = h.System, h.AsOf
	return list, nil
}

func strict(line []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}
