package store

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/korean"
)

// decode cuts a file into lines of text without their ends. Bytes that are none in the encoding become U+FFFD, which
// costs their row.
func decode(raw []byte, name string) ([]string, error) {
	if bytes.HasPrefix(raw, []byte{0xff, 0xfe}) || bytes.HasPrefix(raw, []byte{0xfe, 0xff}) {
		return nil, fmt.Errorf("%w: UTF-16; save it as UTF-8 or CP949", ErrList)
	}
	body, marked := bytes.CutPrefix(raw, []byte("\xef\xbb\xbf"))
	lines := bytes.Split(body, []byte{'\n'})
	var cp949 bool
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "":
		cp949 = !marked && looksCP949(lines)
	case "utf-8", "utf8":
	case "cp949", "ms949", "uhc", "euc-kr", "euckr", "windows-949", "ks_c_5601-1987":
		cp949 = true
	default:
		return nil, fmt.Errorf("%w: encoding must be utf-8 or cp949", ErrList)
	}
	texts := make([]string, len(lines))
	decoder := korean.EUCKR.NewDecoder() // the WHATWG euc-kr, which is all of CP949
	for i, line := range lines {
		texts[i] = decodeLine(bytes.TrimSuffix(line, []byte{'\r'}), cp949, decoder)
	}
	return texts, nil
}

// looksCP949 tells CP949 from UTF-8. Text that is UTF-8 as a whole is UTF-8; otherwise lines vote, so that one broken row
// of a UTF-8 file does not turn all others into noise.
func looksCP949(lines [][]byte) bool {
	good, bad := 0, 0
	for _, line := range lines {
		switch {
		case !utf8.Valid(line):
			bad++
		case !isASCII(line):
			good++
		}
	}
	return bad > good
}

func isASCII(line []byte) bool {
	for _, c := range line {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func decodeLine(line []byte, cp949 bool, decoder *encoding.Decoder) string {
	if !cp949 {
		return strings.ToValidUTF8(string(line), string(utf8.RuneError))
	}
	decoder.Reset()
	text, err := decoder.Bytes(line)
	if err != nil {
		return string(utf8.RuneError)
	}
	return string(text)
}
