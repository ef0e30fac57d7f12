package store

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/korean"
)

// Table is a CSV file as spreadsheets save it, read row by row: a list of any nouns. Quotes, line breaks and broken bytes
// cost what they cost in a list of stores: their own row.
type Table struct {
	// Columns are the header's cells, trimmed.
	Columns []string
	// HeaderLine is the header's line, from 1.
	HeaderLine int
	text       lines
}

// TableRow is one row. With a Fault its cells are those that could be told apart, perhaps none.
type TableRow struct {
	Line  int // where it begins, from 1
	Cells []string
	Fault string
}

// ErrTable is returned, with the reason, for what is no such file at all.
var ErrTable = errors.New("not a CSV file")

// NewTable reads the header of a file that is in memory; encoding is "utf-8" or "cp949".
func NewTable(raw []byte, encoding string) (*Table, error) {
	t := &Table{}
	if err := t.text.open(raw, encoding); err != nil {
		return nil, err
	}
	for {
		text, more := t.text.next()
		if !more {
			return nil, fmt.Errorf("%w: empty", ErrTable)
		}
		if strings.TrimSpace(text) == "" {
			continue
		}
		cells, used, ok := splitRow([]string{text})
		if !ok || used != 1 {
			return nil, fmt.Errorf("%w: the header's quotes do not match", ErrTable)
		}
		if len(cells) > maxColumns {
			return nil, fmt.Errorf("%w: %d columns", ErrTable, len(cells))
		}
		for _, cell := range cells {
			t.Columns = append(t.Columns, strings.TrimSpace(cell))
		}
		t.HeaderLine = t.text.line
		return t, nil
	}
}

// Rows are the rows after the header, once. Blank lines are none.
func (t *Table) Rows() iter.Seq[TableRow] {
	return func(yield func(TableRow) bool) {
		for {
			text, more := t.text.next()
			if !more {
				return
			}
			if strings.TrimSpace(text) == "" {
				continue
			}
			if !yield(t.row(text)) {
				return
			}
		}
	}
}

// row reads the row that begins with a line, and the lines it goes on over.
func (t *Table) row(text string) TableRow {
	row := TableRow{Line: t.text.line}
	begins := []string{text}
	if strings.Contains(text, `"`) {
		begins = append(begins, t.text.peek(maxJoined-1)...)
	}
	cells, used, ok := splitRow(begins)
	switch {
	case !ok || used > 1 && len(cells) != len(t.Columns):
		row.Fault, used = "quotes do not match", 1
	case len(cells) != len(t.Columns):
		row.Fault = fmt.Sprintf("%d columns, the header has %d", len(cells), len(t.Columns))
	}
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
		if row.Fault == "" && strings.ContainsRune(cells[i], utf8.RuneError) {
			row.Fault = "bytes that are no text in the file's encoding"
		}
	}
	t.text.skip(used - 1)
	row.Cells = cells
	return row
}

// Lines are the lines of a file without a header, trimmed, with their numbers from 1; blank ones are left out.
func Lines(raw []byte, encoding string) (iter.Seq2[int, string], error) {
	var text lines
	if err := text.open(raw, encoding); err != nil {
		return nil, err
	}
	return func(yield func(int, string) bool) {
		for {
			line, more := text.next()
			if !more {
				return
			}
			if line = strings.TrimSpace(line); line != "" && !yield(text.line, line) {
				return
			}
		}
	}, nil
}

// lines cuts a file into lines one by one, so that a file of nothing but line breaks costs no more than its size.
type lines struct {
	rest  []byte
	line  int
	ahead []string // decoded, but not yet taken
	text  func([]byte) string
}

func (l *lines) open(raw []byte, encoding string) error {
	if bytes.HasPrefix(raw, []byte{0xff, 0xfe}) || bytes.HasPrefix(raw, []byte{0xfe, 0xff}) {
		return fmt.Errorf("%w: UTF-16; save it as UTF-8 or CP949", ErrTable)
	}
	l.rest, _ = bytes.CutPrefix(raw, []byte("\xef\xbb\xbf"))
	cp949, decoder := encoding == "cp949", korean.EUCKR.NewDecoder()
	l.text = func(line []byte) string { return decodeLine(bytes.TrimSuffix(line, []byte{'\r'}), cp949, decoder) }
	return nil
}

func (l *lines) cut() (string, bool) {
	if len(l.rest) == 0 {
		return "", false
	}
	line, rest, _ := bytes.Cut(l.rest, []byte{'\n'})
	l.rest = rest
	return l.text(line), true
}

func (l *lines) next() (text string, more bool) {
	if len(l.ahead) > 0 {
		text, l.ahead, more = l.ahead[0], l.ahead[1:], true
	} else {
		text, more = l.cut()
	}
	if more {
		l.line++
	}
	return text, more
}

func (l *lines) peek(n int) []string {
	for len(l.ahead) < n {
		text, more := l.cut()
		if !more {
			break
		}
		l.ahead = append(l.ahead, text)
	}
	return l.ahead[:min(n, len(l.ahead))]
}

func (l *lines) skip(n int) {
	for range n {
		l.next()
	}
}
