package bench_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/app"
	"github.com/wantgo/wantgo/services/postgres"
)

// Everything that waited is accepted once and written down, and the bare loop, built of its own module, sent as much.
func TestPush(t *testing.T) {
	if _, err := postgres.FetchBinaries(t.Context()); err != nil {
		t.Skipf("needs PostgreSQL: %v", err)
	}
	t.Setenv(asProgram, "1")
	var out, errs strings.Builder
	args := []string{"bench", "push", "--deliveries", "300", "--moments", "60", "--rate", "200", "--devices", "400"}
	require.Equal(t, app.ExitOK, app.Main(t.Context(), args, &out, &errs), "%s", errs.String())
	var r struct {
		Accepted, Distinct, Connections int
		States                          map[string]int
		AcceptedPerSecond               float64 `json:"accepted_per_s"`
		P50                             float64 `json:"p50_ms"`
		BarePerSecond                   float64 `json:"bare_accepted_per_s"`
		Ratio                           float64
		Bare                            struct{ Accepted, Failed int }
	}
	require.NoError(t, json.Unmarshal([]byte(out.String()), &r), out.String())
	require.Equal(t, 300, r.Accepted)
	require.Equal(t, 300, r.Distinct)
	require.Equal(t, map[string]int{"accepted": 300}, r.States)
	require.Equal(t, 300, r.Bare.Accepted)
	require.Zero(t, r.Bare.Failed)
	for _, v := range []float64{r.AcceptedPerSecond, r.P50, r.BarePerSecond, r.Ratio, float64(r.Connections)} {
		require.Positive(t, v)
	}
}

func TestPushBadFlags(t *testing.T) {
	var out, errs strings.Builder
	require.NotEqual(t, app.ExitOK, app.Main(t.Context(), []string{"bench", "push", "--deliveries", "100", "--devices", "50", "--rate=-1"}, &out, &errs))
	require.Contains(t, errs.String(), "--devices")
	require.Contains(t, errs.String(), "--rate")
	require.Empty(t, out.String())
}
