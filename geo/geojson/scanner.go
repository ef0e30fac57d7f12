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

// value cuts out the next value. Past the size or depth allowed it still passes the value, but returns only its
// beginning and an errFault.
func (s *scanner) value() ([]byte, error) {
	if _, err := s.skip(); err != nil {
		return nil, early(err)
	}
	var c cut
	for {
		b, err := s.r.ReadByte()
		if err != nil {
			return c.raw, early(err)
		}
		if c.endsBefore(b) {
			return c.raw, errors.Join(c.fault, s.r.UnreadByte())
		}
		if b == '\n' {
			s.line++
		}
		if c.take(b) {
			return c.raw, c.fault
		}
	}
}

func early(err error) error {
	if err == io.EOF {
		return fmt.Errorf("%w: the input ends within it", errFault)
	}
	return err
}

// cut is a value so far.
type cut struct {
	raw             []byte
	depth           int
	quoted, escaped bool
	fault           error
}

// endsBefore tells whether b ends a number or word.
func (c *cut) endsBefore(b byte) bool {
	if c.depth > 0 || c.quoted {
		return false
	}
	switch b {
	case ',', ']', '}', ':', ' ', '\t', '\r', '\n':
		return true
	}
	return false
}

// take adds a byte and tells whether it ends the value.
func (c *cut) take(b byte) bool {
	c.keep(b)
	switch {
	case c.escaped:
		c.escaped = false
	case c.quoted:
		c.escaped = b == '\\'
		if b == '"' {
			c.quoted = false
			return c.depth == 0
		}
	case b == '"':
		c.quoted = true
	case b == '{' || b == '[':
		c.depth++
		if c.depth > MaxDepth {
			c.fault = fmt.Errorf("%w: nested deeper than %d", errFault, MaxDepth)
		}
	case b == '}' || b == ']':
		c.depth--
		return c.depth == 0
	}
	return false
}

func (c *cut) keep(b byte) {
	if len(c.raw) < MaxFeatureBytes {
		c.raw = append(c.raw, b)
	} else if c.fault == nil {
		c.fault = fmt.Errorf("%w: larger than %d bytes", errFault, MaxFeatureBytes)
	}
}

// split returns the members of an object, as far as it can be read. Of a repeated key the last counts.
func split(raw []byte) (map[string][]byte, error) {
	members := map[string][]byte{}
	s := newScanner(bytes.NewReader(raw))
	if c, err := s.skip(); err != nil || c != '{' {
		return members, fmt.Errorf("%w: it is not an object", errFault)
	}
	_, _ = s.r.ReadByte()
	for {
		key, err := s.key()
		if err == io.EOF {
			return members, nil
		}
		if err != nil {
			return members, fmt.Errorf("%w: it is not sound JSON", errFault)
		}
		value, err := s.value()
		if err != nil {
			return members, err
		}
		members[key] = value
	}
}
