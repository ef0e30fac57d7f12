package pusher

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// outboxTwin is the Outbox contract in its plainest form: one map, one lock, the (bubble's) clock as storage's.
type outboxTwin struct {
	mu     sync.Mutex
	rows   map[uuid.UUID]*row
	broken func(op string) (before, after bool) // fail before doing anything; do it, then fail
	late   func(op string) time.Duration        // how long a done call's answer is under way
	ahead  time.Duration                        // of storage's clock
	faults []string
	order  []uuid.UUID
}

type row struct {
	Delivery
	end   *End
	ender uuid.UUID
	code  string
}

var errDown = errors.New("connection refused")

func newOutboxTwin() *outboxTwin {
	return &outboxTwin{rows: make(map[uuid.UUID]*row), broken: func(string) (bool, bool) { return false, false }}
}

func (o *outboxTwin) fault(format string, args ...any) {
	o.faults = append(o.faults, fmt.Sprintf(format, args...))
}

// insert commits deliveries leased to node with the first attempt counted (uuid.Nil: leased to nobody).
func (o *outboxTwin) insert(node uuid.UUID, lease time.Duration, ds ...Delivery) []Delivery {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range ds {
		ds[i].State = Pending
		if node != uuid.Nil {
			ds[i].Attempt, ds[i].LeaseNode, ds[i].LeaseUntil = 1, node, time.Now().Add(lease)
		}
		o.rows[ds[i].ID] = &row{Delivery: ds[i]}
		o.order = append(o.order, ds[i].ID)
	}
	return ds
}

// step sets storage's clock wrong.
func (o *outboxTwin) step(ahead time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ahead = ahead
}

func (o *outboxTwin) get(id uuid.UUID) row {
	o.mu.Lock()
	defer o.mu.Unlock()
	return *o.rows[id]
}

// as is the outbox as one node sees it; a dead node's calls do nothing.
func (o *outboxTwin) as(dead *life) *nodeOutbox { return &nodeOutbox{o, dead} }

type life struct {
	mu   sync.Mutex
	dead bool
}

func (d *life) kill() {
	d.mu.Lock()
	d.dead = true
	d.mu.Unlock()
}

func (d *life) isDead() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dead
}

type nodeOutbox struct {
	twin *outboxTwin
	life *life
}

func (n *nodeOutbox) do(ctx context.Context, op string, work func(now time.Time)) error {
	err := n.doNow(ctx, op, work)
	if n.twin.late != nil {
		sleep(ctx, n.twin.late(op))
	}
	return err
}

func (n *nodeOutbox) doNow(ctx context.Context, op string, work func(now time.Time)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	n.twin.mu.Lock()
	defer n.twin.mu.Unlock()
	before, after := n.twin.broken(op)
	if before || n.life.isDead() {
		return errDown
	}
	work(time.Now().Add(n.twin.ahead))
	if after {
		return errDown
	}
	return nil
}

func (n *nodeOutbox) Claim(ctx context.Context, node uuid.UUID, lease time.Duration, limit int) (got []Delivery, err error) {
	err = n.do(ctx, "claim", func(now time.Time) {
		urgent := slices.Clone(n.twin.order)
		slices.SortStableFunc(urgent, func(a, b uuid.UUID) int {
			return int(n.twin.rows[a].Notification.Rank) - int(n.twin.rows[b].Notification.Rank)
		})
		for _, id := range urgent {
			r := n.twin.rows[id]
			if len(got) == limit || r.State != Pending || r.NotBefore.After(now) || r.LeaseNode != uuid.Nil && r.LeaseUntil.After(now) {
				continue
			}
			r.Unsure = r.Unsure || r.LeaseNode != uuid.Nil
			r.LeaseNode, r.LeaseUntil = node, now.Add(lease)
			r.Attempt++
			got = append(got, r.Delivery)
		}
	})
	if err != nil {
		return nil, err
	}
	return got, nil
}

func (n *nodeOutbox) Begin(ctx context.Context, node uuid.UUID, lease time.Duration, ids []Key) (begun []Key, err error) {
	err = n.do(ctx, "begin", func(now time.Time) {
		for _, k := range ids {
			if r := n.twin.rows[k.ID]; r.State == Pending && r.LeaseNode == node {
				r.LeaseUntil = now.Add(lease)
				r.Attempt++
				begun = append(begun, k)
			}
		}
	})
	return begun, err
}

func (n *nodeOutbox) Postpone(ctx context.Context, node uuid.UUID, waits []Wait) error {
	return n.do(ctx, "postpone", func(time.Time) {
		for _, w := range waits {
			if r := n.twin.rows[w.ID]; r.State == Pending && r.LeaseNode == node {
				r.NotBefore, r.LeaseNode, r.LeaseUntil, r.code = w.NotBefore, uuid.Nil, time.Time{}, w.Code
				r.Unsure = r.Unsure || w.Unsure
				if w.Unused {
					r.Attempt = max(r.Attempt-1, 1)
				}
			}
		}
	})
}

func (n *nodeOutbox) Finish(ctx context.Context, node uuid.UUID, ends []End) (ended []Key, err error) {
	err = n.do(ctx, "finish", func(time.Time) {
		for _, e := range ends {
			r := n.twin.rows[e.ID]
			if r.State == Pending && r.LeaseNode == node {
				r.State, r.end, r.ender = e.State, &e, node
			}
			if r.State == e.State && r.ender == node {
				ended = append(ended, e.Key)
			}
		}
	})
	return ended, err
}

// providerTwin answers by script and watches that the promises hold.
type providerTwin struct {
	outbox  *outboxTwin
	timeout time.Duration
	script  func(d *Delivery, call int) step
	mu      sync.Mutex
	calls   map[uuid.UUID][]call
	active  map[uuid.UUID]int
}

// step is what the provider does with one request.
type step struct {
	takes    time.Duration // until the answer
	accepts  bool          // it takes the notification when half of takes has passed
	noAnswer bool          // the answer never comes
	result   Result
}

type call struct {
	node         uuid.UUID
	at           time.Time
	notification uuid.UUID
	collapse     string
	accepted     bool
}

func newProviderTwin(o *outboxTwin, script func(*Delivery, int) step) *providerTwin {
	return &providerTwin{outbox: o, timeout: MinSendTimeout, script: script, calls: make(map[uuid.UUID][]call), active: make(map[uuid.UUID]int)}
}

var accepting = step{takes: 40 * time.Millisecond, accepts: true, result: Result{Outcome: OutcomeAccepted, ProviderID: "m1"}}

func (p *providerTwin) as(node uuid.UUID) Senders { return nodeSender{p, node} }

type nodeSender struct {
	p    *providerTwin
	node uuid.UUID
}

func (s nodeSender) For(uuid.UUID, Provider) Sender { return s }

func (s nodeSender) Send(ctx context.Context, _ Address, d *Delivery) Result {
	p := s.p
	nth := p.open(s.node, d)
	defer p.close(d.ID)
	what := p.script(d, nth)
	half := what.takes / 2
	if goesBy(ctx, half) && what.accepts {
		p.accept(d, nth)
	}
	if what.noAnswer {
		<-ctx.Done()
	}
	if !goesBy(ctx, what.takes-half) || what.noAnswer {
		return Result{Outcome: OutcomeRetry, Code: "TIMEOUT", MaybeReceived: true}
	}
	return what.result
}

// goesBy lets d go by on the bubble's clock, unless ctx ends first.
func goesBy(ctx context.Context, d time.Duration) bool {
	sleep(ctx, d)
	end, ends := ctx.Deadline() // whose timer may ring in the same instant, and later than ours
	return ctx.Err() == nil && !(ends && !time.Now().Before(end))
}

func (p *providerTwin) open(node uuid.UUID, d *Delivery) (nth int) {
	p.outbox.mu.Lock()
	defer p.outbox.mu.Unlock()
	r, now := p.outbox.rows[d.ID], time.Now()
	if r.LeaseNode != node || r.LeaseUntil.Sub(now) < p.timeout {
		p.outbox.fault("%s attempted by %s at %s under the lease of %s until %s", d.ID, node, now, r.LeaseNode, r.LeaseUntil)
	}
	if !now.Before(d.Deadline) {
		p.outbox.fault("%s attempted at %s, deadline %s", d.ID, now, d.Deadline)
	}
	if r.State != Pending {
		p.outbox.fault("%s attempted after its end", d.ID)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.active[d.ID]++; p.active[d.ID] > 1 {
		p.outbox.fault("%s attempted twice at the same time", d.ID)
	}
	nth = len(p.calls[d.ID])
	if nth+1 > r.Attempt {
		p.outbox.fault("%s attempted %d times, %d begun", d.ID, nth+1, r.Attempt)
	}
	p.calls[d.ID] = append(p.calls[d.ID], call{node: node, at: now, notification: d.Notification.ID, collapse: d.Notification.CollapseKey})
	return nth
}

func (p *providerTwin) close(id uuid.UUID) {
	p.mu.Lock()
	p.active[id]--
	p.mu.Unlock()
}

func (p *providerTwin) accept(d *Delivery, nth int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[d.ID][nth].accepted = true
	if !time.Now().Before(d.Deadline) {
		p.outbox.mu.Lock()
		p.outbox.fault("%s accepted at %s, deadline %s", d.ID, time.Now(), d.Deadline)
		p.outbox.mu.Unlock()
	}
}

func (p *providerTwin) of(id uuid.UUID) []call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]call(nil), p.calls[id]...)
}

func (p *providerTwin) total() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, calls := range p.calls {
		n += len(calls)
	}
	return n
}

// gateKeeper is a Recheck by function; nil lets everything pass.
type gateKeeper func(d *Delivery) (ok bool, state State, reason string)

func (g gateKeeper) Recheck(_ context.Context, d *Delivery, _ time.Time) (Address, bool, State, string) {
	to := Address{Provider: d.Provider, Kind: "token", Value: "secret"}
	if g == nil {
		return to, true, "", ""
	}
	ok, state, reason := g(d)
	return to, ok, state, reason
}

// diary notes ends as Ended is told of them, and counts what the observer sees.
type diary struct {
	NoObserver
	mu       sync.Mutex
	ends     map[uuid.UUID][]End
	deferred map[string]int
}

func newDiary() *diary {
	return &diary{ends: make(map[uuid.UUID][]End), deferred: make(map[string]int)}
}

func (y *diary) DeliveryEnded(_ context.Context, d *Delivery, e End, _ Result) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.ends[d.ID] = append(y.ends[d.ID], e)
}

func (y *diary) Deferred(reason string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.deferred[reason]++
}

func (y *diary) of(id uuid.UUID) []End {
	y.mu.Lock()
	defer y.mu.Unlock()
	return append([]End(nil), y.ends[id]...)
}

func (y *diary) count(reason string) int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.deferred[reason]
}

func (y *diary) Lost(string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.deferred["lost"]++
}

// node is one dispatcher with its life.
type node struct {
	*Dispatcher
	life  *life
	diary *diary
	ran   chan struct{}
}

func start(t *testing.T, o *outboxTwin, p *providerTwin, change func(*Config)) *node {
	t.Helper()
	n := &node{life: &life{}, diary: newDiary(), ran: make(chan struct{})}
	cfg := Config{
		Node: uuid.New(), Outbox: o.as(n.life), Recheck: gateKeeper(nil), Ended: n.diary, Observer: n.diary,
		InFlight: 8, Queue: 64, Linger: time.Millisecond,
	}
	cfg.Senders = p.as(cfg.Node)
	if change != nil {
		change(&cfg)
	}
	var err error
	n.Dispatcher, err = New(cfg)
	require.NoError(t, err)
	go func() {
		defer close(n.ran)
		_ = n.Run(context.Background())
	}()
	t.Cleanup(n.kill) // a failed test leaves nothing running
	return n
}

// kill is what SIGKILL looks like from outside: nothing is written any more, requests are cut off.
func (n *node) kill() {
	n.life.kill()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = n.Stop(ctx)
	<-n.ran
}

func (n *node) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, n.Stop(context.Background()))
	<-n.ran
}

var serial uint64

func delivery(brand byte, life time.Duration) Delivery {
	serial++
	id := func(kind byte) (u uuid.UUID) {
		u[0] = kind
		binary.BigEndian.PutUint64(u[8:], serial)
		return u
	}
	now := time.Now()
	return Delivery{
		ID: id(1), BrandID: uuid.UUID{15: brand}, PersonID: id(2), DeviceID: id(3), Provider: FCM, CreatedAt: now, NotBefore: now,
		Deadline: now.Add(life), Notification: Notification{ID: id(4), CollapseKey: fmt.Sprint("k", serial)},
	}
}
