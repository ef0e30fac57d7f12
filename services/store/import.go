package store

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/google/uuid"
)

// The formats of lists; FormatAuto looks at the first character.
const (
	FormatAuto    = ""
	FormatCSV     = "csv"
	FormatGeoJSON = "geojson"
)

// MaxFile is the largest list that is read, bytes after decompression.
const MaxFile = 64 << 20

// Row is one usable store of a list.
type Row struct {
	// Line where it begins, from 1.
	Line int
	// Store as the list has it. It has no ID, and no TimeZone where the list, the country and the place left it open:
	// then the brand's applies.
	Store Store
	// Fence that came with it, without ID and StoreID; nil: none. Its ExternalID is the store's.
	Fence *Fence
	// Columns that the list has, by their first name above. Of a store that exists, others stay as they are.
	Columns []string
	// Warnings say what was left out of a row that was read all the same.
	Warnings []Violation
}

// Refusal is one row that could not be used.
type Refusal struct {
	Line   int    `json:"line"`
	ID     string `json:"id,omitempty"`
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

// Error names line, id, field and reason.
func (r *Refusal) Error() string {
	return fmt.Sprintf("line %d (%s): %s: %s", r.Line, r.ID, r.Field, r.Reason)
}

// ErrList is returned, with the reason, for what is no list of stores at all.
var ErrList = errors.New("not a list of stores")

// ReadFile reads a list of stores from a file; see Read.
func ReadFile(path, format, encoding string) ([]Row, []Refusal, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = file.Close() }()
	rows, refused, err := Read(file, format, encoding)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return rows, refused, nil
}

// Read reads a list of stores, plain or gzipped. Format is one of the formats; encoding is "utf-8", "cp949" (or
// "euc-kr"), or empty to find out. A row with a fault, or with an id that an earlier usable row has, is refused alone.
// ErrList is returned where nothing can be read.
func Read(r io.Reader, format, encoding string) ([]Row, []Refusal, error) {
	raw, err := readAll(r)
	if err != nil {
		return nil, nil, err
	}
	lines, err := decode(raw, encoding)
	if err != nil {
		return nil, nil, err
	}
	if format == FormatAuto {
		format = guess(lines)
	}
	l := &list{taken: map[string]int{}}
	switch format {
	case FormatCSV:
		err = l.readCSV(lines)
	case FormatGeoJSON:
		err = l.readGeoJSON(lines)
	default:
		err = fmt.Errorf("%w: format must be csv or geojson", ErrList)
	}
	if err != nil {
		return nil, nil, err
	}
	return l.rows, l.refused, nil
}

func readAll(r io.Reader) ([]byte, error) {
	buffered := bufio.NewReader(r)
	var plain io.Reader = buffered
	if magic, _ := buffered.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrList, err)
		}
		plain = z
	}
	raw, err := io.ReadAll(io.LimitReader(plain, MaxFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(raw) > MaxFile:
		return nil, fmt.Errorf("%w: larger than %d MB", ErrList, MaxFile>>20)
	case len(bytes.TrimSpace(raw)) == 0:
		return nil, fmt.Errorf("%w: empty", ErrList)
	}
	return raw, nil
}

func guess(lines []string) string {
	for _, line := range lines {
		if line = strings.TrimSpace(line); line != "" {
			if line[0] == '{' || line[0] == '[' {
				return FormatGeoJSON
			}
			break
		}
	}
	return FormatCSV
}

// list is what has been read so far.
type list struct {
	rows    []Row
	refused []Refusal
	taken   map[string]int // id -> line
}

// add takes the row that a record makes, or refuses it.
func (l *list) add(rec *record) {
	row, vs := rec.row()
	if first, taken := l.taken[row.Store.ExternalID]; taken && len(vs) == 0 {
		vs.Add("id", "already in line %d", first)
	}
	if len(vs) > 0 {
		l.refuse(row.Line, row.Store.ExternalID, vs)
		return
	}
	l.taken[row.Store.ExternalID] = row.Line
	l.rows = append(l.rows, row)
}

// refuse names the first fault's field and tells all of them.
func (l *list) refuse(line int, id string, vs Violations) {
	reason := vs[0].Reason
	for _, v := range vs[1:] {
		reason += "; " + v.String()
	}
	l.refused = append(l.refused, Refusal{Line: line, ID: clip(id), Field: vs[0].Field, Reason: reason})
}

// Merged is the store as it will be: the row's, with what the row's list has no column for taken from before, which is
// nil for a new store. A zone that nothing settles becomes zone, the brand's.
func (r *Row) Merged(before *Store, zone string) Store {
	if before == nil {
		s := r.Store
		if s.TimeZone == "" {
			s.TimeZone = zone
		}
		return s
	}
	s := *before
	s.Names = nil
	for locale, name := range before.Names {
		s.setName(locale, name)
	}
	for _, column := range r.Columns {
		if f, ok := fieldOf(column); ok {
			f.copy(&s, &r.Store)
		}
	}
	return s
}

// NewFence is the row's fence for its store; nil: none.
func (r *Row) NewFence(id, storeID uuid.UUID) *Fence {
	if r.Fence == nil {
		return nil
	}
	f := *r.Fence
	f.ID, f.StoreID = id, storeID
	return &f
}
