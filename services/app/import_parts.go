package app

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/google/uuid"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

const (
	// maxImportLine is the longest line of a file that is brought in parts.
	maxImportLine = 1 << 20
	// maxPart is where a part ends before it has its lines.
	maxPart = 8 << 20
	// quotedLines is how many lines a part goes on over its number for a cell that holds line breaks.
	quotedLines = 50
)

// parts cuts a file into parts that each begin with the header, without having all of it in memory.
type parts struct {
	file     *os.File
	reader   *bufio.Reader
	header   []byte
	line     int    // of the last line that was read
	ahead    []byte // the next line, with its end
	lines    int    // of the whole file, without the header
	encoding v1.ImportStoresRequest_Encoding
}

// part is some lines of a file.
type part struct {
	id       string // of the request, the same however often it is sent
	content  []byte
	encoding v1.ImportStoresRequest_Encoding
	first    int // line of the file
	lines    int
	last     bool
}

// openLines is openParts for a file without a header.
func openLines(path, encoding string) (*parts, error) {
	p, err := openParts(path, encoding)
	if err != nil {
		return nil, err
	}
	p.close()
	p.header, p.lines = nil, p.lines+1
	return p, p.open(path)
}

// openParts looks through the file once, to count its lines and to find out its encoding where that is not said, and
// opens it.
func openParts(path, encoding string) (*parts, error) {
	p := &parts{}
	if err := p.open(path); err != nil {
		return nil, err
	}
	sound, broken := 0, 0
	for {
		line, err := p.read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			p.close()
			return nil, err
		}
		switch {
		case !utf8.Valid(line):
			broken++
		case bytes.ContainsFunc(line, func(r rune) bool { return r >= utf8.RuneSelf }):
			sound++
		}
	}
	p.lines = p.line - 1
	p.encoding = v1.ImportStoresRequest_UTF_8
	if encoding == "cp949" || encoding == "auto" && broken > sound {
		p.encoding = v1.ImportStoresRequest_CP949
	}
	p.close()
	if err := p.open(path); err != nil {
		return nil, err
	}
	for len(bytes.TrimSpace(p.header)) == 0 {
		var err error
		if p.header, err = p.read(); err != nil {
			p.close()
			return nil, fmt.Errorf("%s: empty", path)
		}
	}
	p.header = append(bytes.TrimRight(p.header, "\r\n"), '\n')
	return p, nil
}

func (p *parts) open(path string) (err error) {
	if p.file, err = os.Open(path); err != nil {
		return err
	}
	p.line, p.reader = 0, bufio.NewReaderSize(p.file, 1<<16)
	if magic, _ := p.reader.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(p.reader)
		if err != nil {
			p.close()
			return fmt.Errorf("%s: %w", path, err)
		}
		p.reader = bufio.NewReaderSize(z, 1<<16)
	}
	return nil
}

func (p *parts) close() { _ = p.file.Close() }

// read is the next line with its end.
func (p *parts) read() ([]byte, error) {
	if line := p.ahead; line != nil {
		p.ahead = nil
		p.line++
		return line, nil
	}
	line, err := p.readRaw()
	if err == nil {
		p.line++
	}
	return line, err
}

func (p *parts) readRaw() ([]byte, error) {
	var line []byte
	for {
		piece, err := p.reader.ReadSlice('\n')
		line = append(line, piece...)
		switch {
		case len(line) > maxImportLine:
			return nil, fmt.Errorf("line %d is longer than %d bytes: this is no file of lines", p.line+1, maxImportLine)
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		}
		return line, err
	}
}

// next is the next part, of some lines: a few more where a cell goes on over them. io.EOF: there is none.
func (p *parts) next(lines int) (part, error) {
	out := part{id: uuid.NewString(), encoding: p.encoding, first: p.line + 1}
	body, quotes := bytes.Clone(p.header), 0
	for {
		line, err := p.read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return out, err
		}
		body = append(body, line...)
		out.lines++
		quotes += bytes.Count(line, []byte{'"'})
		full := out.lines >= lines && (quotes%2 == 0 || out.lines >= lines+quotedLines)
		if full || len(body) > maxPart {
			break
		}
	}
	if out.lines == 0 {
		return out, io.EOF
	}
	ahead, err := p.readRaw()
	if err != nil && !errors.Is(err, io.EOF) {
		return out, err
	}
	p.ahead, out.last = ahead, errors.Is(err, io.EOF)
	if len(ahead) == 0 {
		p.ahead = nil
	}
	out.content = body
	return out, nil
}
