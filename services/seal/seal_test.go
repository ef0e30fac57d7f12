package seal_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/seal"
)

func root(t testing.TB, first byte) seal.Root {
	t.Helper()
	secret := make([]byte, 32)
	for i := range secret {
		secret[i] = first + byte(i)
	}
	r, err := seal.ParseRoot(hex.EncodeToString(secret))
	require.NoError(t, err)
	return r
}

func keeper(t testing.TB, current byte, previous ...byte) *seal.Keeper {
	t.Helper()
	var old []seal.Root
	for _, p := range previous {
		old = append(old, root(t, p))
	}
	k, err := seal.New(root(t, current), old...)
	require.NoError(t, err)
	return k
}

func TestBoxOpensOnlyAsItWasSealed(t *testing.T) {
	k := keeper(t, 1)
	box, err := k.Seal(seal.Credential, []byte("secret"), []byte("brand"), []byte("fcm"))
	require.NoError(t, err)
	require.Len(t, box, len("secret")+seal.Overhead)
	plain, err := k.Open(seal.Credential, box, []byte("brand"), []byte("fcm"))
	require.NoError(t, err)
	require.Equal(t, "secret", string(plain))
	for name, open := range map[string]func() ([]byte, error){
		"other purpose":  func() ([]byte, error) { return k.Open(seal.PresenceToken, box, []byte("brand"), []byte("fcm")) },
		"other brand":    func() ([]byte, error) { return k.Open(seal.Credential, box, []byte("brand2"), []byte("fcm")) },
		"shifted parts":  func() ([]byte, error) { return k.Open(seal.Credential, box, []byte("brandf"), []byte("cm")) },
		"fewer parts":    func() ([]byte, error) { return k.Open(seal.Credential, box, []byte("brandfcm")) },
		"no parts":       func() ([]byte, error) { return k.Open(seal.Credential, box) },
		"one more empty": func() ([]byte, error) { return k.Open(seal.Credential, box, []byte("brand"), []byte("fcm"), nil) },
	} {
		_, err := open()
		require.ErrorIs(t, err, seal.ErrInvalid, name)
	}
}

func TestBoxRefusesEveryChangedOrMissingByte(t *testing.T) {
	k := keeper(t, 1)
	box, err := k.Seal(seal.PresenceToken, []byte("x"), []byte("d"))
	require.NoError(t, err)
	for i := range box {
		for bit := range 8 {
			bad := bytes.Clone(box)
			bad[i] ^= 1 << bit
			_, err := k.Open(seal.PresenceToken, bad, []byte("d"))
			require.Error(t, err, "byte %d", i)
		}
		_, err := k.Open(seal.PresenceToken, box[:i], []byte("d"))
		require.Error(t, err, "cut at %d", i)
	}
	again, err := k.Seal(seal.PresenceToken, []byte("x"), []byte("d"))
	require.NoError(t, err)
	require.NotEqual(t, box, again, "no nonce comes twice")
}

func TestRotation(t *testing.T) {
	old, fresh, stranger := keeper(t, 1), keeper(t, 50, 1), keeper(t, 90)
	box, err := old.Seal(seal.Credential, []byte("s"))
	require.NoError(t, err)
	plain, err := fresh.Open(seal.Credential, box)
	require.NoError(t, err)
	require.Equal(t, "s", string(plain))
	require.False(t, fresh.Current(box))
	require.True(t, old.Current(box))
	_, err = stranger.Open(seal.Credential, box)
	require.ErrorIs(t, err, seal.ErrUnknownRoot)
	fromFresh, err := fresh.Seal(seal.Credential, []byte("s"))
	require.NoError(t, err)
	_, err = old.Open(seal.Credential, fromFresh)
	require.ErrorIs(t, err, seal.ErrUnknownRoot)
	require.True(t, fresh.Current(fromFresh))

	token, err := old.Mint(seal.DeviceToken{Serial: 3, Expires: time.Unix(100, 0)})
	require.NoError(t, err)
	got, err := fresh.Parse(token, time.Unix(99, 0))
	require.NoError(t, err)
	require.Equal(t, int64(3), got.Serial)
}

func TestDeviceToken(t *testing.T) {
	k := keeper(t, 1)
	for _, want := range []seal.DeviceToken{
		{Brand: uuid.New(), Device: uuid.New(), Serial: 7, Expires: time.Unix(1_800_000_000, 0).UTC()},
		{Serial: math.MinInt64, Expires: time.Unix(1<<40, 0).UTC()},
	} {
		token, err := k.Mint(want)
		require.NoError(t, err)
		require.Regexp(t, `^wgdev_[A-Za-z0-9_-]{114}$`, token)
		got, err := k.Parse(token, want.Expires.Add(-time.Nanosecond))
		require.NoError(t, err)
		require.Equal(t, want, got)
		got, err = k.Parse(token, want.Expires)
		require.ErrorIs(t, err, seal.ErrExpired)
		require.Equal(t, want.Device, got.Device)
	}
	token, err := k.Mint(seal.DeviceToken{Device: uuid.New(), Expires: time.Unix(100, 0)})
	require.NoError(t, err)
	for i := range token {
		for _, c := range []byte("A_\n=") {
			bad := []byte(token)
			if bad[i] == c {
				continue
			}
			bad[i] = c
			got, err := k.Parse(string(bad), time.Unix(0, 0))
			require.Error(t, err, "character %d", i)
			require.Zero(t, got)
		}
	}
	for _, bad := range []string{"", "wgdev_", token + "A", token + "\n", token[:len(token)-1], strings.TrimPrefix(token, "wgdev_")} {
		_, err := k.Parse(bad, time.Unix(0, 0))
		require.ErrorIs(t, err, seal.ErrInvalid)
	}
}

func TestParseRoot(t *testing.T) {
	secret := make([]byte, 32)
	for i := range secret {
		secret[i] = byte(i*37 + 250)
	}
	same := hex.EncodeToString(secret)
	want, err := seal.ParseRoot(same)
	require.NoError(t, err)
	for _, text := range []string{
		" " + strings.ToUpper(same) + "\n", base64.StdEncoding.EncodeToString(secret), base64.RawStdEncoding.EncodeToString(secret),
		base64.URLEncoding.EncodeToString(secret) + "\r\n", base64.RawURLEncoding.EncodeToString(secret),
	} {
		got, err := seal.ParseRoot(text)
		require.NoError(t, err, text)
		require.True(t, equal(t, got, want))
	}
	for text, reason := range map[string]string{
		"": "empty", "short": "neither", same[:62]: "31 bytes", strings.Repeat("00", 32): "not random",
		"correct horse battery staple correct horse": "neither",
	} {
		_, err := seal.ParseRoot(text)
		require.ErrorContains(t, err, reason)
	}
	_, err = seal.New(seal.Root{})
	require.Error(t, err)
}

// equal tells whether two roots open each other's boxes.
func equal(t *testing.T, a, b seal.Root) bool {
	ka, err := seal.New(a)
	require.NoError(t, err)
	kb, err := seal.New(b)
	require.NoError(t, err)
	box, err := ka.Seal(seal.Credential, nil)
	require.NoError(t, err)
	_, err = kb.Open(seal.Credential, box)
	return err == nil
}

func TestRootIsNeverPrinted(t *testing.T) {
	r := root(t, 65) // "ABC…"
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "root", r)
	for _, text := range []string{fmt.Sprint(r), fmt.Sprintf("%v %+v %#v %s %x %d", r, r, r, r, r, &r), log.String()} {
		require.NotContains(t, text, "ABC")
		require.NotContains(t, text, "414243")
		require.NotContains(t, text, "65 66")
		require.Contains(t, text, "hidden")
	}
}

func TestOpenRoot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "root")
	var wg sync.WaitGroup
	roots, made := make([]seal.Root, 8), make([]bool, 8)
	for i := range roots {
		wg.Go(func() {
			var err error
			roots[i], made[i], err = seal.OpenRoot(path)
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	count := 0
	for i := range roots {
		require.True(t, equal(t, roots[0], roots[i]), "one root for all who start together")
		if made[i] {
			count++
		}
	}
	require.Equal(t, 1, count)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 1)

	require.NoError(t, os.WriteFile(path, []byte("damaged!"), 0o600))
	_, _, err = seal.OpenRoot(path)
	require.ErrorContains(t, err, "neither", "a damaged root is never replaced")
	_, err = seal.ReadRoot(path + "x")
	require.ErrorIs(t, err, os.ErrNotExist)
	_, _, err = seal.OpenRoot(filepath.Join(path, "below", "a file"))
	require.Error(t, err)
}

func FuzzOpen(f *testing.F) {
	k, err := seal.New(seal.NewRoot())
	require.NoError(f, err)
	box, err := k.Seal(seal.PresenceToken, []byte("seed"))
	require.NoError(f, err)
	token, err := k.Mint(seal.DeviceToken{Expires: time.Unix(9e9, 0)})
	require.NoError(f, err)
	f.Add(box, token)
	f.Fuzz(func(t *testing.T, raw []byte, text string) {
		if _, err := k.Open(seal.PresenceToken, raw); err == nil && !bytes.Equal(raw, box) {
			t.Fatal("forged box")
		}
		if _, err := k.Parse(text, time.Unix(0, 0)); err == nil && text != token {
			t.Fatal("forged token")
		}
	})
}

func BenchmarkSealOpen(b *testing.B) {
	k := keeper(b, 1)
	plain, device := make([]byte, 300), make([]byte, 16)
	for b.Loop() {
		box, err := k.Seal(seal.PresenceToken, plain, device)
		require.NoError(b, err)
		_, err = k.Open(seal.PresenceToken, box, device)
		require.NoError(b, err)
	}
}

func BenchmarkParse(b *testing.B) {
	k := keeper(b, 1)
	token, err := k.Mint(seal.DeviceToken{Expires: time.Unix(9e9, 0)})
	require.NoError(b, err)
	for b.Loop() {
		_, err := k.Parse(token, time.Unix(0, 0))
		require.NoError(b, err)
	}
}
