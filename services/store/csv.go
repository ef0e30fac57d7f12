package store

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/wantgo/wantgo/services/brand"
)

const (
	maxColumns = 256
	// maxJoined is how many lines one row may span by line breaks inside quotes. A quote that is not closed by then, or
	// closed in a row of the wrong width, costs its line and no other.
	maxJoined = 50
)

func (l *list) readCSV(lines []string) error {
	at := 0
	for at < len(lines) && strings.TrimSpace(lines[at]) == "" {
		at++
	}
	head, used, ok := splitRow(lines[at:])
	if !ok || used != 1 {
		return fmt.Errorf("%w: the header's quotes do not match", ErrList)
	}
	h, err := newHeader(head)
	if err != nil {
		return err
	}
	for at++; at < len(lines); {
		if strings.TrimSpace(lines[at]) == "" {
			at++
			continue
		}
		at += l.readRow(h, lines[at:], at+1)
	}
	return nil
}

// readRow reads the row that begins with the first of lines and tells how many lines it took.
func (l *list) readRow(h *header, lines []string, line int) int {
	cells, used, ok := splitRow(lines)
	var vs brand.Violations
	switch {
	case !ok || used > 1 && len(cells) != len(h.columns):
		vs.Add("row", "quotes do not match")
		used = 1
	case len(cells) != len(h.columns):
		vs.Add("row", "%d columns, the header has %d", len(cells), len(h.columns))
	}
	rec := &record{line: line, cells: map[string]string{}}
	for i, cell := range cells {
		if i < len(h.columns) && h.columns[i] != "" {
			rec.set(h.columns[i], cell)
		}
	}
	for _, text := range lines[:used] {
		if strings.ContainsRune(text, utf8.RuneError) {
			vs.Add("row", "bytes that are no text in the file's encoding")
			break
		}
	}
	if len(vs) > 0 {
		l.refuse(line, rec.cells[colID], vs)
		return used
	}
	l.add(rec)
	return used
}

// splitRow splits the first row of lines into cells. A quote counts only at the start of a cell, so that 6" cakes and
// "Joe's" do no harm inside one; within quotes, two make one and line breaks belong to the cell.
func splitRow(lines []string) (cells []string, used int, ok bool) {
	rest := lines[0]
	used = 1
	for {
		if !strings.HasPrefix(rest, `"`) {
			cell, more, found := strings.Cut(rest, ",")
			cells = append(cells, cell)
			if !found {
				return cells, used, true
			}
			rest = more
			continue
		}
		cell, more, took, closed := splitQuoted(rest[1:], lines[used:], maxJoined-used)
		cells = append(cells, cell)
		used += took
		if !closed {
			return cells, used, false
		}
		if more == "" {
			return cells, used, true
		}
		if more[0] != ',' {
			return cells, used, false
		}
		rest = more[1:]
	}
}

// splitQuoted reads a cell after its opening quote, going on to following lines; rest is what stands after it.
func splitQuoted(text string, following []string, limit int) (cell, rest string, took int, closed bool) {
	var b strings.Builder
	for {
		end := strings.IndexByte(text, '"')
		switch {
		case end < 0:
			if took >= len(following) || took >= limit {
				return b.String(), "", took, false
			}
			b.WriteString(text)
			b.WriteByte('\n')
			text = following[took]
			took++
		case strings.HasPrefix(text[end+1:], `"`):
			b.WriteString(text[:end+1])
			text = text[end+2:]
		default:
			b.WriteString(text[:end])
			return b.String(), text[end+1:], took, true
		}
	}
}
