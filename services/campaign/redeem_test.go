package campaign

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestCheckRedeem(t *testing.T) {
	good := func() *Coupon {
		return &Coupon{BrandID: id(1), PersonID: id(2), Stores: []uuid.UUID{id(20)}, ExpiresAt: noon}
	}
	for _, tc := range []struct {
		name   string
		change func(*Coupon)
		store  uuid.UUID
		at     time.Time
		want   error
	}{
		{"good to the last", func(*Coupon) {}, id(20), noon.Add(-1), nil},
		{"expired", func(*Coupon) {}, id(20), noon, ErrExpired},
		{"no end on record", func(c *Coupon) { c.ExpiresAt = time.Time{} }, id(20), noon, ErrExpired},
		{"wrong store", func(*Coupon) {}, id(21), noon.Add(-1), ErrWrongStore},
		{"no store", func(*Coupon) {}, uuid.Nil, noon.Add(-1), ErrWrongStore},
		{"any store", func(c *Coupon) { c.Stores = nil }, id(21), noon.Add(-1), nil},
		{"used", func(c *Coupon) { c.Redemption = &Redemption{} }, id(20), noon.Add(-1), ErrRedeemed},
		{"used, expired, elsewhere", func(c *Coupon) { c.Redemption = &Redemption{} }, id(21), noon, ErrRedeemed},
	} {
		c := good()
		tc.change(c)
		err := CheckRedeem(c, tc.store, tc.at)
		if tc.want == nil {
			require.NoError(t, err, tc.name)
			continue
		}
		require.ErrorIs(t, err, tc.want, tc.name)
		require.NotEmpty(t, err.Error())
	}
	require.NoError(t, CheckOwner(good(), id(1), id(2)))
	require.ErrorIs(t, CheckOwner(good(), id(1), id(3)), ErrNotYours)
	require.ErrorIs(t, CheckOwner(good(), id(9), id(2)), ErrNotYours)
}

func TestCodes(t *testing.T) {
	seen := map[string]bool{}
	letters := map[rune]bool{}
	for range 2000 {
		code := NewCode()
		require.Len(t, code, 12)
		require.False(t, seen[code])
		seen[code] = true
		for _, r := range code {
			letters[r] = true
		}
		back, err := ParseCode(strings.ToLower(code[:4] + "-" + code[4:8] + " " + code[8:]))
		require.NoError(t, err)
		require.Equal(t, code, back)
	}
	require.Len(t, letters, 32)

	code, err := ParseCode("oIl0-0000-0000")
	require.NoError(t, err)
	require.Equal(t, "011000000000", code)
	for _, bad := range []string{"", "7K3M9QXR2TV", "7K3M9QXR2TVWX", "7K3M9QXR2TVU", "7K3M9QXR2TV가", "7K3M9QXR2TV\x00", "７K3M9QXR2TVW", strings.Repeat("-", 99)} {
		_, err := ParseCode(bad)
		require.Error(t, err, bad)
	}
}
