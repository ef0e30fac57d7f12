package store

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTable(t *testing.T) {
	text := "\xef\xbb\xbf\r\n id , name \r\na,\"x, \"\"y\"\"\"\r\n\r\nb\r\nc,\"two\nlines\"\nd,6\" cake\ne,\"open\nf,g\xff\ng,h"
	table, err := NewTable([]byte(text), "utf-8")
	require.NoError(t, err)
	require.Equal(t, []string{"id", "name"}, table.Columns)
	require.Equal(t, 2, table.HeaderLine)
	var got []TableRow
	for row := range table.Rows() {
		got = append(got, row)
	}
	require.Equal(t, []TableRow{
		{3, []string{"a", `x, "y"`}, ""}, {5, []string{"b"}, "1 columns, the header has 2"}, {6, []string{"c", "two\nlines"}, ""}, {8, []string{"d", `6" cake`}, ""},
		{9, got[4].Cells, "quotes do not match"}, {10, []string{"f", "g\ufffd"}, "bytes that are no text in the file's encoding"}, {11, []string{"g", "h"}, ""},
	}, got)
	for _, bad := range []string{"", "\n\n", "\xff\xfea\x00", "\"a\n"} {
		_, err := NewTable([]byte(bad), "utf-8")
		require.ErrorIs(t, err, ErrTable, "%q", bad)
	}
	lines, err := Lines([]byte("\xef\xbb\xbfa\n\n b \r\nc"), "utf-8")
	require.NoError(t, err)
	numbers := map[int]string{}
	for n, line := range lines {
		numbers[n] = line
	}
	require.Equal(t, map[int]string{1: "a", 3: "b", 4: "c"}, numbers)
}

func FuzzTable(f *testing.F) {
	f.Add([]byte("a,b\n1,\"2\n"), true)
	f.Add([]byte("\"a\"\"\",b\r\n\x80,"), false)
	f.Fuzz(func(t *testing.T, raw []byte, cp949 bool) {
		encoding := map[bool]string{true: "cp949", false: "utf-8"}[cp949]
		table, err := NewTable(raw, encoding)
		if err != nil {
			return
		}
		last := table.HeaderLine
		for row := range table.Rows() {
			if row.Line <= last || row.Line > bytes.Count(raw, []byte{'\n'})+1 {
				t.Fatalf("line %d after %d", row.Line, last)
			}
			last = row.Line
			if row.Fault == "" && len(row.Cells) != len(table.Columns) {
				t.Fatal("a row of another width without a fault")
			}
		}
	})
}
