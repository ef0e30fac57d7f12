package seal

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func presence(t testing.TB, k *Keeper) *keys {
	keys, err := k.rings[0].of(PresenceToken)
	require.NoError(t, err)
	return keys
}

func TestNoncesDifferAndTheirHalvesChange(t *testing.T) {
	k, err := New(NewRoot())
	require.NoError(t, err)
	other := *k // of another node: it derives all that it opens
	other.rings = []*ring{{id: k.rings[0].id, root: k.rings[0].root}}
	keys, nonces, halves := presence(t, k), map[string]bool{}, map[string]bool{}
	for i := range 3000 {
		if i%1000 == 0 && i > 0 {
			keys.drawn.Load().used.Store(perHalf)
		}
		box, err := k.Seal(PresenceToken, []byte("state"), []byte("device"))
		require.NoError(t, err)
		nonces[string(box[headerSize:headerSize+nonceSize])] = true
		halves[string(box[headerSize:headerSize+halfSize])] = true
		for _, opens := range []*Keeper{k, &other} {
			plain, err := opens.Open(PresenceToken, box, []byte("device"))
			require.NoError(t, err)
			require.Equal(t, "state", string(plain))
		}
	}
	require.Len(t, nonces, 3000)
	require.Len(t, halves, 3)
}

func TestWhatDoesNotOpenIsNotKept(t *testing.T) {
	k, err := New(NewRoot())
	require.NoError(t, err)
	box, err := k.Seal(PresenceToken, []byte("state"))
	require.NoError(t, err)
	kept := func() (n int) {
		for i := range presence(t, k).seen {
			if presence(t, k).seen[i].Load() != nil {
				n++
			}
		}
		return n
	}
	for i := range 200 {
		forged := append([]byte(nil), box...)
		forged[headerSize] += byte(i + 1)
		_, err := k.Open(PresenceToken, forged)
		require.ErrorIs(t, err, ErrInvalid)
	}
	require.Zero(t, kept())
	_, err = k.Open(PresenceToken, box)
	require.NoError(t, err)
	require.Equal(t, 1, kept())
}
