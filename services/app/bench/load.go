package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/wantgo/wantgo/geo"
)

const (
	modeImport = "import"
	modeReport = "report"
)

// span is how much past time walkers have: pings older than a day are refused.
const span = 23 * time.Hour

// load is walkers on their lanes.
type load struct {
	mode   string
	batch  int // pings a call
	lanes  int
	box    geo.Box
	origin time.Time // of everybody's first ping
	every  time.Duration
	keep   bool // remember the transitions
	list   []*lane
	conns  []*grpc.ClientConn
}

// newLoad puts devices on lanes, a connection's share each.
func newLoad(c *ingestCommand, t *tenant, devices []uuid.UUID, lanes int, keep bool) *load {
	l := &load{mode: c.Mode, batch: c.batch(), lanes: lanes, box: boxes[c.Box], every: c.Every, keep: keep,
		origin: time.Now().Add(-span - span/100).Truncate(time.Second)}
	for i := range lanes {
		lane := &lane{load: l, first: i}
		_, _ = rand.Read(lane.base[:])
		for d := i; d < len(devices); d += lanes {
			lane.walkers = append(lane.walkers, newWalker(l.box, c.Seed, uint64(d)))
			lane.ids = append(lane.ids, devices[d])
			if l.mode == modeReport {
				lane.callers = append(lane.callers, t.asPhone(context.Background(), d))
			}
		}
		lane.tokens = make([][]byte, len(lane.ids))
		if l.mode == modeImport {
			for k := range keys {
				lane.callers = append(lane.callers, t.asServer(context.Background(), i+k*lanes))
			}
		}
		l.list = append(l.list, lane)
	}
	return l
}

// timeOf is when a device makes its ping of a number: a stagger within the interval keeps them apart.
func (l *load) timeOf(device, pass int) int64 {
	stagger := l.every * time.Duration(device%1000) / 1000
	return l.origin.Add(l.every*time.Duration(pass) + stagger).UnixMilli()
}

// passes is how many pings every device has in it.
func (l *load) passes() int { return int(span / l.every) }

// dial connects the lanes to a server.
func (l *load) dial(address string, conns int) error {
	l.hangUp()
	for range conns {
		conn, err := dial(address)
		if err != nil {
			return err
		}
		l.conns = append(l.conns, conn)
	}
	for i, lane := range l.list {
		lane.conn = l.conns[i%conns]
	}
	return nil
}

func (l *load) hangUp() {
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.conns = nil
}

func dial(address string) (*grpc.ClientConn, error) {
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithInitialWindowSize(1<<20), grpc.WithInitialConnWindowSize(4<<20), grpc.WithNoProxy(),
		grpc.WithDisableRetry(), grpc.WithDisableServiceConfig(), grpc.WithDisableHealthCheck(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(32<<20), grpc.MaxCallSendMsgSize(32<<20)))
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return conn, nil
}

// phase is a stretch of load: until everybody made so many pings, so many are made, or time is over.
type phase struct {
	began    time.Time
	until    time.Time    // zero: no such end
	left     atomic.Int64 // pings that may still be made
	pass     int          // passes that a lane may make
	rate     float64      // pings a second offered; 0: as many as go
	insist   bool         // repeat what is refused
	answered atomic.Int64
}

func (p *phase) over() bool { return !p.until.IsZero() && !time.Now().Before(p.until) }

// next is the size of a lane's next request; 0: the lane is done.
func (p *phase) next(l *lane) int {
	rest := (p.pass-l.pass)*len(l.walkers) - l.turn
	n := min(l.load.batch, rest)
	if n <= 0 || p.over() {
		return 0
	}
	if left := p.left.Add(int64(-n)); left < 0 {
		return max(0, n+int(left))
	}
	return n
}

// play lets all lanes make calls and returns what became of them and how long it took.
func (l *load) play(ctx context.Context, p *phase) (tally, time.Duration, error) {
	for _, lane := range l.list {
		lane.done = tally{times: lane.done.times[:0], refusedTimes: lane.done.refusedTimes[:0], lags: lane.done.lags[:0]}
	}
	p.began = time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for _, lane := range l.list {
		group.Go(func() error { return lane.run(ctx, p) })
	}
	err := group.Wait()
	took := time.Since(p.began)
	var sum tally
	for _, lane := range l.list {
		sum.add(&lane.done)
	}
	return sum, took, err
}

// quantile of times, microseconds; 0: there are none. The times are sorted by it.
func quantile(times []uint32, q float64) float64 {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return float64(times[min(len(times)-1, int(q*float64(len(times))))])
}
