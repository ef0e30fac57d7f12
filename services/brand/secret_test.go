package brand

import (
	"crypto/rand"
	"math/big"
	mrand "math/rand/v2"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// TestBase62 holds reading against the arithmetic of big numbers, on texts of which many are too large or no numbers.
func TestBase62(t *testing.T) {
	seed := mrand.Uint64()
	t.Logf("seed %d", seed)
	random := mrand.New(mrand.NewPCG(seed, 1))
	const digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	good, bad := 0, 0
	for range 20_000 {
		size, width := len(uuid.UUID{}), idDigits
		if random.IntN(2) == 0 {
			size, width = secretBytes, secretDigits
		}
		text := []byte(strings.Repeat("0", width))
		for i := random.IntN(4); i < width; i++ {
			text[i] = digits[random.IntN(len(digits))]
		}
		if random.IntN(10) == 0 {
			text[random.IntN(width)] = " _-+/@[`{\x00\xff"[random.IntN(11)]
		}
		got := make([]byte, size)
		n, ok := new(big.Int).SetString(string(text), 62)
		if ok = ok && !strings.ContainsAny(string(text), "_+-") && n.BitLen() <= 8*size; !ok {
			require.False(t, unbase62(string(text), got), "%q", text)
			bad++
			continue
		}
		require.True(t, unbase62(string(text), got), "%q", text)
		require.Equal(t, n.FillBytes(make([]byte, size)), got, "%q", text)
		require.Equal(t, string(text), base62(got, width))
		good++
	}
	require.Greater(t, good, 1000)
	require.Greater(t, bad, 1000)
	most := make([]byte, secretBytes)
	for i := range most {
		most[i] = 0xff
	}
	require.True(t, unbase62(base62(most, secretDigits), most))
}

func BenchmarkVerify(b *testing.B) {
	k := Key{ID: uuid.New(), Kind: AppKey}
	secret := NewSecret(k.Kind, k.ID)
	k.Hash = HashSecret(secret)
	_, _ = rand.Read(k.PreviousHash)
	for b.Loop() {
		if k.Verify(secret, k.CreatedAt) != nil {
			b.Fatal("refused")
		}
	}
}
