package geojson

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// errFault marks a fault of one value that leaves the rest of the input readable.
var errFault = errors.New("feature cannot be read")

// scanner cuts JSON values out of a stream by brackets and quotes, without minding what is between them.
type scanner struct {
	r    *bufio.Reader
	line int
	room []byte // of the last value
}

func newScanner(r io.Reader) *scanner {
	return &scanner{r: bufio.NewReaderSize(r, 64<<10), line: 1, room: make([]byte, 0, 1024)}
}

// skip passes white space and returns the byte after it, unread.
func (s *scanner) skip() (byte, error) {
	for {
		c, err := s.r.ReadByte()
		if err != nil {
			return 0, err
		}
		switch c {
		case '\n':
			s.line++
		case ' ', '\t', '\r':
		default:
			return c, s.r.UnreadByte()
		}
	}
}

// open passes a byte order mark and the brace of the top object.
func (s *scanner) open() error {
	if mark, _ := s.r.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = s.r.Discard(3)
	}
	c, err := s.skip()
	if err != nil && err != io.EOF {
		return err
	}
	if c != '{' {
		return fmt.Errorf("%w: it does not begin with an object", ErrFormat)
	}
	_, err = s.r.ReadByte()
	return err
}

// key returns the next key of the top object, its colon passed; io.EOF after the last one.
func (s *scanner) key() (string, error) {
	c, err := s.skip()
	if err == nil && c == ',' {
		_, _ = s.r.ReadByte()
		c, err = s.skip()
	}
	switch {
	case err == io.EOF:
		return "", fmt.Errorf("%w: it ends early", ErrFormat)
	case err != nil:
		return "", err
	case c == '}':
		_, _ = s.r.ReadByte()
		return "", s.end()
	case c != '"':
		return "", fmt.Errorf("%w: line %d: a key is expected", ErrFormat, s.line)
	}
	raw, err := s.value()
	if err != nil {
		return "", fmt.Errorf("%w: line %d: key: %v", ErrFormat, s.line, err)
	}
	var key string
	if err := json.Unmarshal(raw, &key); err != nil {
		return "", fmt.Errorf("%w: line %d: key: %v", ErrFormat, s.line, err)
	}
	if c, err := s.skip(); err != nil || c != ':' {
		return "", fmt.Errorf("%w: line %d: a colon is expected", ErrFormat, s.line)
	}
	_, err = s.r.ReadByte()
	return key, err
}

// end wants nothing but white space.
func (s *scanner) end() error {
	if _, err := s.skip(); err != io.EOF {
		if err == nil {
			return fmt.Errorf("%w: line %d: more after its end", ErrFormat, s.line)
		}
		return err
	}
	return io.EOF
}

// peekArray passes the bracket of an array, if the next value is one.
func (s *scanner) peekArray() bool {
	c, err := s.skip()
	if err != nil || c != '[' {
		return false
	}
	_, _ = s.r.ReadByte()
	return true
}

// element tells whether the array goes on and passes what is between elements.
func (s *scanner) element() (bool, error) {
	for {
		c, err := s.skip()
		switch {
		case err == io.EOF:
			return false, fmt.Errorf("%w: line %d: the features end early", ErrFormat, s.line)
		case err != nil:
			return false, err
		case c == ',':
			_, _ = s.r.ReadByte()
		case c == ']':
			_, _ = s.r.ReadByte()
			return false, nil
		case c == '}' || c == ':':
			return false, fmt.Errorf("%w: line %d: a feature is expected", ErrFormat, s.line)
		default:
			return true, nil
		}
	}
}

// value cuts out the next value, which holds until the next one is. Past the size or depth allowed it still passes the
// value, but returns only its beginning and an errFault.
func (s *scanner) value() ([]byte, error) {
	if _, err := s.skip(); err != nil {
		return nil, early(err)
	}
	var c cut
	s.room = s.room[:0]
	for {
		if _, err := s.r.Peek(1); err != nil {
			return s.room, early(err)
		}
		next, _ := s.r.Peek(s.r.Buffered())
		n, done := c.scan(next)
		s.keep(&c, next[:n])
		_, _ = s.r.Discard(n)
		if done {
			return s.room, c.fault
		}
	}
}

func (s *scanner) keep(c *cut, part []byte) {
	s.line += bytes.Count(part, newline)
	if more := len(s.room) + len(part) - MaxFeatureBytes; more > 0 {
		part = part[:len(part)-more]
		if c.fault == nil {
			c.fault = fmt.Errorf("%w: larger than %d bytes", errFault, MaxFeatureBytes)
		}
	}
	s.room = append(s.room, part...)
}

var newline = []byte{'\n'}

func early(err error) error {
	if err == io.EOF {
		return fmt.Errorf("%w: the input ends within it", errFault)
	}
	return err
}

// cut is how far a value has come.
type cut struct {
	depth           int
	quoted, escaped bool
	fault           error
}

// scan goes on with the value and tells how many bytes belong to it and whether it has ended.
func (c *cut) scan(raw []byte) (n int, done bool) {
	for i, b := range raw {
		switch {
		case c.escaped:
			c.escaped = false
		case c.quoted:
			c.escaped = b == '\\'
			if b == '"' {
				c.quoted = false
				if c.depth == 0 {
					return i + 1, true
				}
			}
		case c.depth == 0 && endsBefore(b):
			return i, true
		case b == '"':
			c.quoted = true
		case b == '{' || b == '[':
			if c.depth++; c.depth > MaxDepth {
				c.fault = fmt.Errorf("%w: nested deeper than %d", errFault, MaxDepth)
			}
		case b == '}' || b == ']':
			if c.depth--; c.depth == 0 {
				return i + 1, true
			}
		}
	}
	return len(raw), false
}

// endsBefore tells whether b ends a number or word.
func endsBefore(b byte) bool {
	switch b {
	case ',', ']', '}', ':', ' ', '\t', '\r', '\n':
		return true
	}
	return false
}
