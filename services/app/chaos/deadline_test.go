package chaos

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// TestDeadlineOfAFrozenDatabase reports while the database is frozen: every call ends at its own deadline, though what it
// wanted to write cannot be taken back by then, and so do its repeats on either node. Once the database goes on, a
// repeat is answered, and everything has happened once.
func TestDeadlineOfAFrozenDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	f := w.fleet(pick(8, 100), false)
	w.settled()
	f.each(func(h *phone) error { return h.report(-1) })
	require.Empty(t, f.fatal.list())
	thaw := w.database.freeze()
	defer thaw()
	var all sync.WaitGroup
	reports := make([]*v1.ReportPingsRequest, len(f.phones))
	ends := make([][]codes.Code, len(f.phones))
	for i, h := range f.phones {
		reports[i] = &v1.ReportPingsRequest{AppState: v1.Ping_BACKGROUND, PresenceToken: h.presence, Pings: []*v1.Ping{pingAt(i%stores, time.Now())}}
		all.Go(func() {
			for _, node := range []int{0, 0, 1} {
				reports[i].SentTime = timestamppb.Now()
				ctx, cancel := context.WithTimeout(h.context(t.Context()), pick(time.Second, 3*time.Second))
				_, err := v1.NewLocationServiceClient(w.nodes[node].conn).ReportPings(ctx, reports[i])
				cancel()
				ends[i] = append(ends[i], status.Code(err))
			}
		})
	}
	all.Wait() // the database is frozen yet: whoever waited for it would wait for ever
	for _, codesOf := range ends {
		for _, code := range codesOf {
			require.Contains(t, []codes.Code{codes.DeadlineExceeded, codes.Unavailable, codes.ResourceExhausted}, code)
		}
	}
	thaw()
	f.each(func(h *phone) error {
		var answer *v1.ReportPingsResponse
		r := reports[h.name]
		err := h.insist(func(ctx context.Context, n *node) (err error) {
			r.SentTime = timestamppb.Now()
			answer, err = v1.NewLocationServiceClient(n.conn).ReportPings(h.context(ctx), r)
			return err
		})
		if err == nil {
			h.presence = answer.GetPresenceToken()
			h.take(r.Pings[0].GetId(), h.name%stores, answer.GetResults()[0])
		}
		return err
	})
	f.told(t)
	w.dispatched(t)
	c := f.holds(t, "calls of a frozen database", len(f.phones))
	require.Equal(t, len(f.phones), c.transitions)
}
