package replay

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

// One phone comes by at noon and again at night, the other comes near and no nearer: what is told of both says so.
func TestWhyAfterAReplay(t *testing.T) {
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	c := Command{
		Tracks: file("tracks.csv", `device,unix_ms,lat,lng
phone-1,1778641200000,37.4940,127.0276
phone-1,1778641260000,37.4981,127.0276
phone-1,1778648460000,37.4940,127.0276
phone-2,1778648400000,37.5040,127.0276
phone-1,1778684400000,37.4981,127.0276
`),
		Stores: file("shops.csv", "id,name,lat,lng\ngangnam,Gangnam,37.498095,127.027610\n"), Radius: 100, Policy: "exact",
		Campaigns: file("campaigns.yaml", `
campaigns:
  - externalId: latte
    displayName: Latte
    trigger: {kinds: [ENTERED]}
    texts: {ko: {title: "{store}", body: "오세요"}}
`),
		Without: []string{"ad_push_night"}, Why: []string{"phone-1", "phone-2"}, Locale: "en", DatabaseURL: postgrestest.URL(t),
	}
	var out bytes.Buffer
	require.NoError(t, c.Run(t.Context(), &out, slog.New(slog.DiscardHandler)))
	told := out.String()
	for _, part := range []string{
		"decisions found: 2, the latest first (times of Asia/Seoul)",
		"2026-05-14 00:00:00  entered Gangnam · campaign \"Latte\"\n  QUIET_HOURS (gate 14): It was night", "✗ quiet hours (",
		"2026-05-13 12:01:00  entered Gangnam · campaign \"Latte\"\n  WON",
		"decisions found: 0", "Last contact: 2026-05-13 14:00:00.", "TAKEN 1", "\"Latte\": every gate would pass",
	} {
		require.Contains(t, told, part)
	}
	c.Without, c.DatabaseURL = []string{"sleep"}, postgrestest.URL(t)
	require.ErrorContains(t, c.Run(t.Context(), &out, slog.New(slog.DiscardHandler)), "--without")
	c.Without, c.Why = nil, []string{"phone-3"}
	require.ErrorContains(t, c.Run(t.Context(), &out, slog.New(slog.DiscardHandler)), "phone-3")
}
