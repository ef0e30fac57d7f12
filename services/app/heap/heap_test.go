package heap

import (
	"context"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestACollectorThatDoesNotRunForAFewMegabytes(t *testing.T) {
	require.Equal(t, 2000, percentOf(0))
	require.Equal(t, 2000, percentOf(1<<20))
	require.Equal(t, 384, percentOf(100<<20))
	require.Equal(t, 100, percentOf(8<<30))
}

func TestFitKeepsWhatTheOperatorAskedFor(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	t.Setenv("GOGC", "70")
	before := debug.SetGCPercent(70)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	Fit(ended)
	require.Equal(t, 70, debug.SetGCPercent(70))
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	Fit(ended)
	require.Greater(t, debug.SetGCPercent(70), 100)
}
