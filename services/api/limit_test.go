package api

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// Callers whose bits lead to the same place in front have buckets of their own all the same.
func TestNobodyTakesAnothersRoom(t *testing.T) {
	const callers, burst = 1000, 3
	l, err := newLimiter(Limits{Device: Rate{PerSecond: 0.001, Burst: burst}, Callers: callers})
	require.NoError(t, err)
	m := &method{name: v1.LocationService_ReportPings_FullMethodName}
	phones, places := make([]*Caller, callers), map[*buckets]bool{}
	for i := range phones {
		phones[i] = &Caller{Kind: v1.Access_PHONE, Device: uuid.New()}
	}
	for round := range burst + 40 { // often enough for every way to a bucket
		for _, c := range phones {
			err := l.take(c, m, 1, noon)
			require.Equal(t, round < burst, err == nil, "round %d: %v", round, err)
		}
	}
	for i := range l.front {
		if b := l.front[i].Load(); b != nil {
			places[b] = true
		}
	}
	require.Less(t, len(places), callers, "some stood in each other's place")
	require.Equal(t, callers, l.buckets.Len())
}
