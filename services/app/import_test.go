package app

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/korean"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// Parts put together are the file, each begins with the header and knows its first line, and no cell is cut in two.
func TestPartsOfAFile(t *testing.T) {
	var file strings.Builder
	file.WriteString("\nexternal_id,tier\r\n")
	for i := range 23 {
		tier := "gold"
		if i%5 == 4 {
			tier = "\"two\nlines\""
		}
		fmt.Fprintf(&file, "m%d,%s\r\n", i, tier)
	}
	text := strings.TrimSuffix(file.String(), "\r\n") // the last line has no end
	for size := 1; size <= 30; size++ {
		p := partsOf(t, []byte(text), "auto")
		require.Equal(t, strings.Count(text, "\n"), p.lines)
		require.Equal(t, v1.ImportStoresRequest_UTF_8, p.encoding)
		whole, line := "", 3
		for {
			part, err := p.next(size)
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			body, ok := strings.CutPrefix(string(part.content), "external_id,tier\n")
			require.True(t, ok)
			require.Equal(t, line, part.first)
			require.Zero(t, strings.Count(body, `"`)%2, "a cell was cut in two: %q", body)
			whole += body
			line += part.lines
			require.Equal(t, whole == strings.TrimPrefix(text, "\nexternal_id,tier\r\n"), part.last)
		}
		require.Equal(t, strings.TrimPrefix(text, "\nexternal_id,tier\r\n"), whole)
	}
	euckr, err := korean.EUCKR.NewEncoder().Bytes([]byte("회원번호\n손님\n"))
	require.NoError(t, err)
	require.Equal(t, v1.ImportStoresRequest_CP949, partsOf(t, euckr, "auto").encoding)
	stray, err := partsOf(t, []byte("a,b\n1,6\" cake\n"+strings.Repeat("2,x\n", 200)), "utf-8").next(10)
	require.NoError(t, err)
	require.Equal(t, 10+quotedLines, stray.lines, "a quote within a cell costs a longer part, and no more")
	_, err = openParts(importFileOf(t, []byte("\n\n")), "auto")
	require.Error(t, err)
	_, err = openParts(importFileOf(t, make([]byte, maxImportLine+2)), "auto")
	require.ErrorContains(t, err, "line 1 is longer")
}

func importFileOf(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.csv")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

func partsOf(t *testing.T, content []byte, encoding string) *parts {
	t.Helper()
	p, err := openParts(importFileOf(t, content), encoding)
	require.NoError(t, err)
	t.Cleanup(p.close)
	return p
}
