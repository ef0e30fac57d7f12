package pusher

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// wakingOutbox is a nodeOutbox that can also wake what waits.
type wakingOutbox struct {
	*nodeOutbox
	woken atomic.Int32
}

func (w *wakingOutbox) Wake(ctx context.Context, brand uuid.UUID, provider Provider) (n int, err error) {
	err = w.do(ctx, "wake", func(now time.Time) {
		for _, r := range w.twin.rows {
			if r.State == Pending && r.BrandID == brand && r.Provider == provider && r.LeaseNode == uuid.Nil && r.Attempt > 0 &&
				r.Deadline.After(now) && r.NotBefore.After(now) {
				r.NotBefore = now
				n++
			}
		}
	})
	w.woken.Add(int32(n))
	return n, err
}

// alarms notes what a BreakerObserver is told.
type alarms struct {
	*diary
	told chan string
}

func (a alarms) Breaker(brand uuid.UUID, provider Provider, code string, open bool) {
	state := " closed"
	if open {
		state = " open"
	}
	a.told <- string('0'+rune(brand[15])) + " " + string(provider) + " " + code + state
}

// A refused credential raises one alarm, keeps deliveries, even such as would end before the next look, and a new
// credential brings them to a provider at once.
func TestBreakerIsToldAndANewCredentialWakes(t *testing.T) {
	inBubble(t, func(t *testing.T, o *outboxTwin) {
		var code atomic.Pointer[string]
		refuse := func(c string) { code.Store(&c) }
		refuse("InvalidProviderToken")
		p := newProviderTwin(o, func(*Delivery, int) step {
			if c := *code.Load(); c != "" {
				return answering(Result{Outcome: OutcomeMisconfigured, Scope: ScopeProject, Code: c})
			}
			return accepting
		})
		waking := &wakingOutbox{}
		told := alarms{newDiary(), make(chan string, 10)}
		n := start(t, o, p, func(c *Config) {
			waking.nodeOutbox = c.Outbox.(*nodeOutbox)
			c.Outbox, c.Observer = waking, told
		})
		var ds []Delivery
		for range 20 {
			ds = append(ds, delivery(1, 50*time.Second), delivery(1, 30*time.Minute))
		}
		n.Offer(o.insert(n.Node(), n.Lease(), ds...))
		after(5 * time.Second)
		require.Equal(t, "1 fcm InvalidProviderToken open", <-told.told)
		require.Empty(t, told.told)
		refuse("BadEnvironmentKeyIdInToken")
		after(30 * time.Second)
		require.Empty(t, told.told, "nothing is asked meanwhile")
		refuse("")
		n.Resume(ds[0].BrandID, FCM)
		after(3 * time.Second)
		require.Equal(t, "1 fcm InvalidProviderToken closed", <-told.told)
		require.Equal(t, 40, int(waking.woken.Load()))
		for _, d := range ds {
			require.Equal(t, Accepted, o.get(d.ID).State)
		}
		n.stop(t)
	})
}

func TestBreakerClosesByItsProbe(t *testing.T) {
	inBubble(t, func(t *testing.T, o *outboxTwin) {
		var call atomic.Int32
		p := newProviderTwin(o, func(*Delivery, int) step {
			switch call.Add(1) {
			case 1:
				return answering(Result{Outcome: OutcomeMisconfigured, Scope: ScopeProject, Code: "A"})
			case 2:
				return answering(Result{Outcome: OutcomeMisconfigured, Scope: ScopeProject, Code: "B"})
			}
			return accepting
		})
		told := alarms{newDiary(), make(chan string, 10)}
		n := start(t, o, p, func(c *Config) { c.Observer = told })
		d := delivery(1, 30*time.Minute)
		n.Offer(o.insert(n.Node(), n.Lease(), d))
		after(5 * time.Minute)
		require.Equal(t, Accepted, o.get(d.ID).State)
		for _, want := range []string{"1 fcm A open", "1 fcm B open", "1 fcm B closed"} {
			require.Equal(t, want, <-told.told)
		}
		require.Empty(t, told.told)
		n.stop(t)
	})
}

// A documented wait that outlasts the delivery leaves it another attempt.
func TestLongWaitLeavesAnAttempt(t *testing.T) {
	inBubble(t, func(t *testing.T, o *outboxTwin) {
		p := newProviderTwin(o, func(_ *Delivery, call int) step {
			if call == 0 {
				return answering(Result{Outcome: OutcomeRetry, Code: "ServiceUnavailable", FirstWait: 15 * time.Minute})
			}
			return accepting
		})
		n := start(t, o, p, nil)
		d := delivery(1, 10*time.Minute)
		n.Offer(o.insert(n.Node(), n.Lease(), d))
		after(10 * time.Minute)
		require.Equal(t, Accepted, o.get(d.ID).State)
		calls := p.of(d.ID)
		require.GreaterOrEqual(t, calls[1].at.Sub(calls[0].at), 5*time.Minute-time.Second)
		n.stop(t)
	})
}

// One brand's large send climbs its ramp and is spread; a moment, of that brand or another, passes it.
func TestBulkIsPacedAndDelaysNoMoment(t *testing.T) {
	inBubble(t, func(t *testing.T, o *outboxTwin) {
		p := newProviderTwin(o, always(accepting))
		n := start(t, o, p, func(c *Config) { c.Pace = Pace{Project: 100, Peak: 30} })
		begun := time.Now()
		var bulk []Delivery
		for range 600 {
			d := delivery(1, 30*time.Minute)
			d.Notification.Rank = RankBulk
			bulk = append(bulk, d)
		}
		o.insert(uuid.Nil, 0, bulk...)
		for range 10 {
			after(3 * time.Second)
			same, other := delivery(1, time.Minute), delivery(2, time.Minute)
			n.Offer(o.insert(n.Node(), n.Lease(), same, other))
			after(200 * time.Millisecond)
			require.Equal(t, Accepted, o.get(same.ID).State)
			require.Equal(t, Accepted, o.get(other.ID).State)
		}
		after(5 * time.Minute)
		perSecond, last := map[int]int{}, 0
		for _, d := range bulk {
			require.Equal(t, Accepted, o.get(d.ID).State)
			calls := p.of(d.ID)
			require.Len(t, calls, 1)
			s := int(calls[0].at.Sub(begun) / time.Second)
			perSecond[s]++
			last = max(last, s)
		}
		for s, n := range perSecond {
			require.LessOrEqual(t, n, 33+2, s)
		}
		require.LessOrEqual(t, perSecond[1]+perSecond[2]+perSecond[3], 20, "the foot of the ramp")
		require.Less(t, last, 120, "and it is kept busy")
		t.Logf("600 in %d s, deferred %d times", last, n.diary.count(DeferredFull))
		n.stop(t)
	})
}
