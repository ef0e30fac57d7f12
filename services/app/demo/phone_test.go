package demo

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// unreliable answers only when told to.
type unreliable struct {
	v1.LocationServiceClient
	down     bool
	requests []*v1.ReportPingsRequest
}

func (u *unreliable) ReportPings(_ context.Context, r *v1.ReportPingsRequest, _ ...grpc.CallOption) (*v1.ReportPingsResponse, error) {
	u.requests = append(u.requests, r)
	if u.down {
		return nil, errors.New("no network")
	}
	return &v1.ReportPingsResponse{PresenceToken: []byte("next")}, nil
}

// TestThePhoneIsTheBuffer: what got no answer goes along with the next call, under the same ids, and nothing twice
// after an answer.
func TestThePhoneIsTheBuffer(t *testing.T) {
	net := &unreliable{down: true}
	p := &phone{location: net}
	report := func() error {
		_, err := p.report(t.Context(), fix{accuracy: 5}, time.Unix(1_800_000_000, 0))
		return err
	}
	require.Error(t, report())
	require.Error(t, report())
	net.down = false
	require.NoError(t, report())
	third := net.requests[2].GetPings()
	require.Len(t, third, 3)
	require.Equal(t, net.requests[0].GetPings()[0].GetId(), third[0].GetId())
	require.Empty(t, net.requests[2].GetPresenceToken())
	require.NoError(t, report())
	require.Len(t, net.requests[3].GetPings(), 1)
	require.Equal(t, []byte("next"), net.requests[3].GetPresenceToken())

	net.down = true
	for range buffered + 20 {
		require.Error(t, report())
	}
	require.Len(t, net.requests[len(net.requests)-1].GetPings(), buffered, "one call holds no more")
}
