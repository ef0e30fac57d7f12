package api

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"unicode/utf8"

	"google.golang.org/grpc/codes"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// unpack opens a compressed file, as far as an imported file may be large.
func unpack(content []byte) ([]byte, error) {
	if !bytes.HasPrefix(content, []byte{0x1f, 0x8b}) {
		return content, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, unreadable("1", "not a gzip file")
	}
	plain, err := io.ReadAll(io.LimitReader(z, maxUnpacked+1))
	switch {
	case err != nil:
		return nil, unreadable("1", "the gzip file is damaged")
	case len(plain) > maxUnpacked:
		return nil, refuse(codes.InvalidArgument, v1.ErrorReason_TOO_MANY, "content: too large when unpacked",
			"field", "content", "limit", fmt.Sprint(maxUnpacked))
	}
	return plain, nil
}

// unreadable refuses a file as a whole.
func unreadable(line, cause string) error {
	var fs faults
	fs.add("content", v1.ErrorReason_FILE_UNREADABLE, cause, "line", line, "cause", cause)
	return fs.err()
}

// The encodings of files.
const (
	encodingUTF8  = "utf-8"
	encodingCP949 = "cp949"
)

// encodingOf tells the encoding of a file: what was said, else UTF-8 where the whole file or most of its lines that are
// not ASCII are UTF-8.
func encodingOf(asked v1.ImportStoresRequest_Encoding, content []byte) string {
	switch {
	case asked == v1.ImportStoresRequest_CP949:
		return encodingCP949
	case asked == v1.ImportStoresRequest_UTF_8 || utf8.Valid(content):
		return encodingUTF8
	}
	sound, broken := 0, 0
	for line := range bytes.SplitSeq(content, []byte{'\n'}) {
		switch {
		case !utf8.Valid(line):
			broken++
		case bytes.ContainsFunc(line, func(r rune) bool { return r >= utf8.RuneSelf }):
			sound++
		}
	}
	if broken > sound {
		return encodingCP949
	}
	return encodingUTF8
}

// maxReported is how many rows a report lists.
const maxReported = 10_000

// reported cuts a report's rows to what it may list.
func reported(r *v1.ImportReport) *v1.ImportReport {
	if more := len(r.Rows) - maxReported; more > 0 {
		r.Rows, r.RowsOmitted = r.Rows[:maxReported], int32(more)
	}
	return r
}
