package track

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"
)

// The columns that are read.
const (
	colDevice = iota
	colTime
	colLat
	colLng
	colAccuracy
	colSpeed
	columns
)

var columnNames = map[string]int{
	"device": colDevice, "unix_ms": colTime,
	"lat": colLat, "latitude": colLat, "lng": colLng, "lon": colLng, "longitude": colLng,
	"accuracy_m": colAccuracy, "speed_mps": colSpeed,
}

// fieldNames name columns in refusals.
var fieldNames = [columns]string{"device", "unix_ms", "lat", "lng", "accuracy_m", "speed_mps"}

const maxColumns = 256

type csvSource struct {
	in     *bufio.Reader
	line   int
	width  int
	column [maxColumns]int8 // position in the row -> column, -1: not read
	device string           // of the last row; most rows repeat it
}

func newCSV(in *bufio.Reader) (*csvSource, error) {
	s := &csvSource{in: in}
	line, err := s.read()
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	fields, err := splitQuoted(line)
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	return s, s.header(fields)
}

func (s *csvSource) header(fields []string) error {
	if len(fields) > maxColumns {
		return fmt.Errorf("header: %d columns, more than %d", len(fields), maxColumns)
	}
	s.width = len(fields)
	var found [columns]bool
	for i, name := range fields {
		col, known := columnNames[strings.ToLower(strings.TrimSpace(name))]
		if !known {
			s.column[i] = -1
			continue
		}
		if found[col] {
			return fmt.Errorf("header: column %s twice", fieldNames[col])
		}
		s.column[i], found[col] = int8(col), true
	}
	var missing []string
	for col := colDevice; col <= colLng; col++ {
		if !found[col] {
			missing = append(missing, fieldNames[col])
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("header: no column %s (neither GPX nor a CSV of tracks)", strings.Join(missing, ", "))
	}
	return nil
}

var errTooLong = errors.New("line too long")

// read returns the next line without its end; it is overwritten by the following call.
func (s *csvSource) read() ([]byte, error) {
	line, err := s.in.ReadSlice('\n')
	switch {
	case err == bufio.ErrBufferFull:
		s.line++
		return nil, s.skip()
	case err == io.EOF && len(line) > 0: // last line without an end
	case err == io.EOF:
		return nil, io.EOF
	case err != nil:
		return nil, fmt.Errorf("after line %d: %w", s.line, err)
	}
	s.line++
	return bytes.TrimRight(line, "\r\n"), nil
}

// skip passes over the rest of a line.
func (s *csvSource) skip() error {
	for {
		_, err := s.in.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("in line %d: %w", s.line, err)
		}
		return errTooLong
	}
}

func (s *csvSource) next() (Point, error) {
	for {
		line, err := s.read()
		if err == errTooLong {
			return Point{}, s.refuse("row", errTooLong.Error())
		}
		if err != nil {
			return Point{}, err
		}
		if len(line) > 0 {
			return s.parse(line)
		}
	}
}

func (s *csvSource) refuse(field, reason string) *Refusal {
	return &Refusal{Line: s.line, Field: field, Reason: reason}
}

func (s *csvSource) parse(line []byte) (Point, error) {
	var texts [columns][]byte
	if reason := s.split(line, &texts); reason != "" {
		return Point{}, s.refuse("row", reason)
	}
	if string(texts[colDevice]) != s.device {
		if !utf8.Valid(texts[colDevice]) {
			return Point{}, s.refuse("device", "not UTF-8")
		}
		s.device = string(texts[colDevice])
	}
	p := Point{Device: s.device, Line: s.line, Accuracy: math.NaN(), Speed: math.NaN()}
	if field, reason := p.fill(&texts); reason != "" {
		r := s.refuse(field, reason)
		r.Device = p.Device
		return Point{}, r
	}
	return p, nil
}

// fill reads the numbers and checks the whole point.
func (p *Point) fill(texts *[columns][]byte) (field, reason string) {
	for col := colTime; col < columns; col++ {
		text := texts[col]
		ok := true
		switch {
		case len(text) == 0 && col >= colAccuracy:
		case len(text) == 0:
			return fieldNames[col], reasonMissing
		case col == colTime:
			p.At, ok = parseMillis(text)
		case col == colLat:
			p.Lat, ok = parseFloat(text)
		case col == colLng:
			p.Lng, ok = parseFloat(text)
		case col == colAccuracy:
			p.Accuracy, ok = parseFloat(text)
		case col == colSpeed:
			p.Speed, ok = parseFloat(text)
		}
		if !ok {
			return fieldNames[col], reasonNumber
		}
	}
	field, reason = p.check()
	if field == "time" {
		field = fieldNames[colTime]
	}
	return field, reason
}

// split cuts a row into the columns that are read. It returns a reason when the row is not one of this file.
func (s *csvSource) split(line []byte, texts *[columns][]byte) (reason string) {
	if bytes.IndexByte(line, '"') >= 0 {
		return s.splitSlowly(line, texts)
	}
	n := 0
	for {
		end := bytes.IndexByte(line, ',')
		field := line
		if end >= 0 {
			field = line[:end]
		}
		s.keep(n, field, texts)
		n++
		if end < 0 {
			return s.checkWidth(n)
		}
		line = line[end+1:]
	}
}

func (s *csvSource) splitSlowly(line []byte, texts *[columns][]byte) (reason string) {
	fields, err := splitQuoted(line)
	if err != nil {
		return "quotes do not match"
	}
	for i, field := range fields {
		s.keep(i, []byte(field), texts)
	}
	return s.checkWidth(len(fields))
}

func (s *csvSource) keep(i int, field []byte, texts *[columns][]byte) {
	if i < s.width && s.column[i] >= 0 {
		texts[s.column[i]] = field
	}
}

func (s *csvSource) checkWidth(n int) string {
	if n == s.width {
		return ""
	}
	return fmt.Sprintf("%d columns, the header has %d", n, s.width)
}

// splitQuoted reads one line as encoding/csv does.
func splitQuoted(line []byte) ([]string, error) {
	return csv.NewReader(bytes.NewReader(line)).Read()
}
