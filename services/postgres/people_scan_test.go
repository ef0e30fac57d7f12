package postgres_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

// A scan names each active person of the brand once, in person order, and nobody of another brand.
func TestScan(t *testing.T) {
	s := postgrestest.New(t)
	b, other := newBrand(t, s), newBrand(t, s)
	keys, _ := newPeople(t, s, b, 23)
	newPeople(t, s, other, 5)
	leaves := engine.PersonWrite{Key: keys[0], Version: load(t, s, keys[0]).Version, WriteID: uuid.New(), State: []byte{1}, Status: engine.PersonErasing, At: noon}
	require.Equal(t, []bool{true}, commit(t, s, leaves))
	want := slices.Clone(keys[1:])
	slices.SortFunc(want, func(a, b engine.PersonKey) int { return bytes.Compare(a.PersonID[:], b.PersonID[:]) })

	var got []engine.PersonKey
	for after := uuid.Nil; ; {
		page, err := s.Scan(t.Context(), b, after, 7)
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		require.LessOrEqual(t, len(page), 7)
		got = append(got, page...)
		after = page[len(page)-1].PersonID
	}
	require.Equal(t, want, got)
}
