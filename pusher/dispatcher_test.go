package pusher

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// inBubble runs f on a clock of its own: time passes only when everything waits, and waiting costs nothing.
func inBubble(t *testing.T, f func(t *testing.T, o *outboxTwin)) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutboxTwin()
		f(t, o)
		require.Empty(t, o.faults)
	})
}

// after lets the bubble's clock run for d and everything settle.
func after(d time.Duration) {
	time.Sleep(d) // the bubble's clock: nobody waits
	synctest.Wait()
}

func always(s step) func(*Delivery, int) step { return func(*Delivery, int) step { return s } }

func answering(r Result) step { return step{takes: 40 * time.Millisecond, result: r} }

func TestOfferedIsAttemptedAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, o *outboxTwin) {
		p := newProviderTwin(o, always(accepting))
		n := start(t, o, p, nil)
		synctest.Wait()
		d := delivery(1, 10*time.Minute)
		begun := n.Monotonic()
		n.OfferSince(o.insert(n.Node(), n.Lease(), d), begun)
		after(100 * time.Millisecond)
		require.Equal(t, Accepted, o.get(d.ID).State)
		require.Equal(t, "m1", o.get(d.ID).end.ProviderID)
		require.Equal(t, 1, o.get(d.ID).Attempt, "the insert's attempt is the one made")
		require.Len(t, n.diary.of(d.ID), 1)
		require.True(t, d.CreatedAt.Equal(p.of(d.ID)[0].at))
		n.stop(t)
	})
}

func TestOfferDatesTheLeaseByItsEnd(t *testing.T) {
	for _, c := range []struct {
		name     string
		change   func(*Delivery)
		attempts int
	}{
		{"fresh", func(*Delivery) {}, 1},
		{"nearly over", func(d *Delivery) { d.LeaseUntil = d.LeaseUntil.Add(-4 * time.Second) }, 2},
		{"unknown", func(d *Delivery) { d.LeaseUntil = time.Time{} }, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, o *outboxTwin) {
				p := newProviderTwin(o, always(accepting))
				n := start(t, o, p, nil)
				ds := o.insert(n.Node(), n.Lease(), delivery(1, 10*time.Minute))
				c.change(&ds[0])
				n.Offer(ds)
				after(time.Second)
				require.Equal(t, Accepted, o.get(ds[0].ID).State)
				require.Equal(t, c.attempts, o.get(ds[0].ID).Attempt)
				n.stop(t)
			})
		})
	}
}

func TestOfferedForLater(t *testing.T) {
	inBubble(t, func(t *testing.T, o *outboxTwin) {
		p := newProviderTwin(o, always(accepting))
		n := start(t, o, p, nil)
		d := delivery(1, 10*time.Minute)
		d.NotBefore = d.NotBefore.Add(20 * time.Second)
		n.Offer(o.insert(n.Node(), n.Lease(), d))
		after(19 * time.Second)
		require.Zero(t, p.total())
		after(3 * time.Second)
		require.Equal(t, Accepted, o.get(d.ID).State)
		require.False(t, o.get(d.ID).Unsure, "it was given back, not left to its lease's end")
		n.stop(t)
	})
}

func TestNodeDiesWhileSending(t *testing.T) {
	inBubble(t, func(t *testing.T, o *outboxTwin) {
		first := step{takes: 4 * time.Second, accepts: true, noAnswer: true}
		p := newProviderTwin(o, func(_ *Delivery, call int) step {
			if call == 0 {
				return first
			}
			return answering(Result{Outcome: OutcomeRejected, Code: "TOO_BIG"})
		})
		one := start(t, o, p, nil)
		d := delivery(1, 10*time.Minute)
		one.Offer(o.insert(one.Node(), one.Lease(), d))
		after(3 * time.Second)
		one.kill()
		two := start(t, o, p, nil)
		after(11 * time.Second)
		require.Len(t, p.of(d.ID), 1, "the dead node's lease holds")
		after(3 * time.Second)
		calls := p.of(d.ID)
		require.Len(t, calls, 2)
		require.Equal(t, two.Node(), calls[1].node)
		require.Equal(t, calls[0].notification, calls[1].notification)
		require.Equal(t, calls[0].collapse, calls[1].collapse)
		require.True(t, calls[0].accepted)
		require.Equal(t, Failed, o.get(d.ID).State)
		require.False(t, o.get(d.ID).end.SurelyNotReceived, "what the dead node did is unknown")
		two.stop(t)
	})
}

func TestStalledProviderExpires(t *testing.T) {
	inBubble(t, func(t *testing.T, o *outboxTwin) {
		p := newProviderTwin(o, always(step{takes: time.Second, noAnswer: true}))
		n := start(t, o, p, nil)
		d := delivery(1, time.Minute)
		n.Offer(o.insert(n.Node(), n.Lease(), d))
		after(time.Minute - time.Millisecond)
		require.Equal(t, Pending, o.get(d.ID).State)
		after(5 * time.Second)
		r := o.get(d.ID)
		require.Equal(t, Expired, r.State)
		require.False(t, r.end.SurelyNotReceived)
		calls := p.of(d.ID)
		require.Greater(t, len(calls), 1)
		for i := 1; i < len(calls); i++ {
			require.GreaterOrEqual(t, calls[i].at.Sub(calls[i-1].at), MinSendTimeout+MinFirstWait)
		}
		n.stop(t)
	})
}

func TestExpiresUnattempted(t *testing.T) {
	inBubble(t, func(t *testing.T, o *outboxTwin) {
		p := newProviderTwin(o, always(accepting))
		d := delivery(1, time.Minute)
		o.insert(uuid.Nil, 0, d)
		after(time.Minute)
		n := start(t, o, p, nil)
		after(time.Second)
		require.Equal(t, Expired, o.get(d.ID).State)
		require.True(t, o.get(d.ID).end.SurelyNotReceived)
		require.Zero(t, p.total())
		n.stop(t)
	})
}

func TestProjectPause(t *testing.T) {
	inBubble(t, func(t *testing.T, o *outboxTwin) {
		var paused atomic.Bool
		paused.Store(true)
		p := newProviderTwin(o, func(d *Delivery, _ int) step {
			if d.BrandID[15] == 1 && paused.Load() {
				return answering(Result{Outcome: OutcomeRetry, Scope: ScopeProject, Code: "QUOTA_EXCEEDED", RetryAfter: 30 * time.Second})
			}
			return accepting
		})
		n := start(t, o, p, nil)
		d := delivery(1, 10*time.Minute)
		n.Offer(o.insert(n.Node(), n.Lease(), d))
		after(time.Second)
		require.Len(t, p.of(d.ID), 1)
		var rest []Delivery
		for range 20 {
			rest = append(rest, delivery(1, 10*time.Minute))
		}
		other := delivery(2, 10*time.Minute)
		n.Offer(o.insert(n.Node(), n.Lease(), append(rest, other)...))
		after(28 * time.Second)
		require.Equal(t, 2, p.total(), "the paused project made one attempt, the other brand one")
		require.Equal(t, Accepted, o.get(other.ID).State)
		after(60 * time.Second)
		require.LessOrEqual(t, p.total(), 5, "one probe a pause, not all that waited")
		paused.Store(false)
		after(4 * time.Minute)
		for _, r := range append(rest, d) {
			require.Equal(t, Accepted, o.get(r.ID).State)
		}
		require.Positive(t, n.diary.count(DeferredProjectPaused))
		n.stop(t)
	})
}

func TestStalledBrandKeepsNobodyWaiting(t *testing.T) {
	inBubble(t, func(t *testing.T, o *outboxTwin) {
		p := newProviderTwin(o, func(d *Delivery, _ int) step {
			if d.BrandID[15] == 1 {
				return step{noAnswer: true}
			}
			return accepting
		})
		n := start(t, o, p, nil)
		var bulk []Delivery
		for range 500 {
			bulk = append(bulk, delivery(1, 10*time.Minute))
		}
		o.insert(uuid.Nil, 0, bulk...)
		after(5 * time.Second)
		claimed := n.diary.count(DeferredFull)
		require.Less(t, claimed, 200, "what does not fit is not claimed over and over")
		moment := delivery(2, 10*time.Minute)
		n.Offer(o.insert(n.Node(), n.Lease(), moment))
		after(time.Second)
		require.Equal(t, Accepted, o.get(moment.ID).State)
		n.stop(t)
	})
}

func TestDeviceSlowed(t *testing.T) {
	inBubble(t, func(t *testing.T, o *outboxTwin) {
		p := newProviderTwin(o, func(d *Delivery, call int) step {
			if d.DeviceID[0] == 77 && call == 0 {
				return answering(Result{Outcome: OutcomeRetry, Scope: ScopeDevice, Code: "TooManyRequests", RetryAfter: time.Minute})
			}
			return accepting
		})
		n := start(t, o, p, nil)
		slow, same, other := delivery(1, 10*time.Minute), delivery(1, 10*time.Minute), delivery(1, 10*time.Minute)
		slow.DeviceID = uuid.UUID{77}
		n.Offer(o.insert(n.Node(), n.Lease(), slow))
		after(time.Second)
		same.DeviceID = slow.DeviceID
		n.Offer(o.insert(n.Node(), n.Lease(), same, other))
		after(50 * time.Second)
		require.Equal(t, Accepted, o.get(other.ID).State)
		require.Empty(t, p.of(same.ID))
		require.Len(t, p.of(slow.ID), 1)
		after(3 * time.Minute)
		require.Equal(t, Accepted, o.get(slow.ID).State)
		require.Equal(t, Accepted, o.get(same.ID).State)
		n.stop(t)
	})
}

func TestEndsByOutcome(t *testing.T) {
	unsure := step{takes: time.Second, noAnswer: true}
	for _, c := range []struct {
		name   string
		steps  []step
		state  State
		surely bool
	}{
		{"gone", []step{answering(Result{Outcome: OutcomeAddressGone, Code: "UNREGISTERED"})}, Failed, true},
		{"rejected", []step{answering(Result{Outcome: OutcomeRejected, Code: "PayloadTooLarge"})}, Failed, true},
		{"gone after no answer", []step{unsure, answering(Result{Outcome: OutcomeAddressGone})}, Failed, false},
		{"gone after a refusal", []step{answering(Result{Outcome: OutcomeRetry}), answering(Result{Outcome: OutcomeAddressGone})}, Failed, true},
		{"accepted after no answer", []step{unsure, accepting}, Accepted, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, o *outboxTwin) {
				p := newProviderTwin(o, func(_ *Delivery, call int) step { return c.steps[call] })
				n := start(t, o, p, nil)
				d := delivery(1, 10*time.Minute)
				n.Offer(o.insert(n.Node(), n.Lease(), d))
				after(2 * time.Minute)
				r := o.get(d.ID)
				require.Equal(t, c.state, r.State)
				require.Equal(t, c.surely, r.end.SurelyNotReceived)
				require.Len(t, p.of(d.ID), len(c.steps))
				n.stop(t)
			})
		})
	}
}

func TestMisconfiguredKeepsAndIsRepaired(t *testing.T) {
	inBubble(t, func(t *testing.T, o *outboxTwin) {
		var repaired atomic.Bool
		p := newProviderTwin(o, func(*Delivery, int) step {
			if repaired.Load() {
				return accepting
			}
			return answering(Result{Outcome: OutcomeMisconfigured, Scope: ScopeProject, Code: "InvalidProviderToken"})
		})
		n := start(t, o, p, nil)
		short, long := delivery(1, 3*time.Minute), delivery(1, 30*time.Minute)
		n.Offer(o.insert(n.Node(), n.Lease(), short, long))
		after(2*time.Minute + 50*time.Second)
		require.Equal(t, Pending, o.get(short.ID).State)
		require.LessOrEqual(t, p.total(), 4, "a broken credential is tried about once a minute")
		after(30 * time.Second)
		require.Equal(t, Expired, o.get(short.ID).State)
		require.True(t, o.get(short.ID).end.SurelyNotReceived)
		require.Equal(t, Pending, o.get(long.ID).State)
		repaired.Store(true)
		n.Resume(long.BrandID, FCM)
		fresh := delivery(1, time.Minute)
		n.Offer(o.insert(n.Node(), n.Lease(), fresh))
		after(time.Second)
		require.Equal(t, Accepted, o.get(fresh.ID).State, "resumed at once")
		after(2 * time.Minute)
		require.Equal(t, Accepted, o.get(long.ID).State)
		n.stop(t)
	})
}

func TestRecheck(t *testing.T) {
	inBubble(t, func(t *testing.T, o *outboxTwin) {
		p := newProviderTwin(o, always(accepting))
		var known atomic.Bool
		withdrawn, unknown := delivery(1, 10*time.Minute), delivery(1, 10*time.Minute)
		n := start(t, o, p, func(c *Config) {
			c.Recheck = gateKeeper(func(d *Delivery) (bool, State, string) {
				if d.ID == withdrawn.ID {
					return false, Suppressed, "ADVERTISING_NOT_CONSENTED"
				}
				return known.Load(), Pending, "STORAGE_AWAY"
			})
		})
		n.Offer(o.insert(n.Node(), n.Lease(), withdrawn, unknown))
		after(20 * time.Second)
		require.Equal(t, Suppressed, o.get(withdrawn.ID).State)
		require.Equal(t, "ADVERTISING_NOT_CONSENTED", o.get(withdrawn.ID).end.Code)
		require.True(t, o.get(withdrawn.ID).end.SurelyNotReceived)
		require.Equal(t, Pending, o.get(unknown.ID).State)
		require.Zero(t, p.total())
		known.Store(true)
		after(10 * time.Second)
		require.Equal(t, Accepted, o.get(unknown.ID).State)
		n.stop(t)
	})
}

func TestOutboxAwayForTenSeconds(t *testing.T) {
	inBubble(t, func(t *testing.T, o *outboxTwin) {
		var away atomic.Bool
		o.broken = func(string) (bool, bool) { return away.Load(), false }
		p := newProviderTwin(o, always(accepting))
		n := start(t, o, p, nil)
		var ds []Delivery
		for range 30 {
			ds = append(ds, delivery(1, 10*time.Minute))
		}
		n.Offer(o.insert(n.Node(), n.Lease(), ds...))
		away.Store(true)
		after(10 * time.Second)
		require.Equal(t, len(ds), p.total(), "begun attempts are made")
		require.Equal(t, Pending, o.get(ds[0].ID).State)
		away.Store(false)
		after(3 * time.Second)
		for _, d := range ds {
			require.Equal(t, Accepted, o.get(d.ID).State)
		}
		after(time.Minute)
		require.Equal(t, len(ds), p.total(), "no attempt twice")
		n.stop(t)
	})
}

func TestOutboxAwayLongerThanTheLease(t *testing.T) {
	inBubble(t, func(t *testing.T, o *outboxTwin) {
		var away atomic.Bool
		o.broken = func(op string) (bool, bool) { return away.Load() && op != "claim", false }
		p := newProviderTwin(o, always(accepting))
		n := start(t, o, p, nil)
		d := delivery(1, 10*time.Minute)
		n.Offer(o.insert(n.Node(), n.Lease(), d))
		away.Store(true)
		after(time.Minute) // its own sweeps claim the delivery again meanwhile
		require.Greater(t, o.get(d.ID).Attempt, 1)
		away.Store(false)
		after(2 * time.Second)
		require.Equal(t, Accepted, o.get(d.ID).State)
		require.Equal(t, 1, p.total(), "the kept result is written, not the attempt repeated")
		n.stop(t)
	})
}

func TestClaimCrossesGivingBack(t *testing.T) {
	inBubble(t, func(t *testing.T, o *outboxTwin) {
		o.late = func(op string) time.Duration {
			if op == "postpone" {
				return 3 * time.Second
			}
			return 0
		}
		p := newProviderTwin(o, always(accepting))
		n := start(t, o, p, func(c *Config) { c.InFlight, c.PerProject, c.Queue = 1, 1, 1 })
		ds := []Delivery{delivery(1, 10*time.Minute), delivery(1, 10*time.Minute), delivery(1, 10*time.Minute)}
		n.Offer(o.insert(n.Node(), n.Lease(), ds...))
		after(12 * time.Second) // the leases of the claims would run out after 15
		for _, d := range ds {
			require.Equal(t, Accepted, o.get(d.ID).State, "claimed while its giving back was under way, and not forgotten")
			require.False(t, o.get(d.ID).Unsure)
		}
		n.stop(t)
	})
}

func TestClaimCrossesAnEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, o *outboxTwin) {
		var away atomic.Bool
		away.Store(true)
		o.broken = func(op string) (bool, bool) { return away.Load() && op != "claim", false }
		p := newProviderTwin(o, always(step{noAnswer: true}))
		n := start(t, o, p, nil)
		d := delivery(1, 5*time.Second)
		n.Offer(o.insert(n.Node(), n.Lease(), d))
		after(time.Minute)
		away.Store(false)
		after(time.Minute)
		require.Equal(t, Expired, o.get(d.ID).State)
		require.Len(t, n.diary.of(d.ID), 1, "told once, though claimed between the end and its writing")
		n.stop(t)
	})
}

func TestFinishCommittedButUnanswered(t *testing.T) {
	inBubble(t, func(t *testing.T, o *outboxTwin) {
		var lose atomic.Int32
		lose.Store(2)
		o.broken = func(op string) (bool, bool) { return false, op == "finish" && lose.Add(-1) >= 0 }
		p := newProviderTwin(o, always(accepting))
		n := start(t, o, p, nil)
		d := delivery(1, 10*time.Minute)
		n.Offer(o.insert(n.Node(), n.Lease(), d))
		after(5 * time.Second)
		require.Len(t, n.diary.of(d.ID), 1, "told once")
		require.Zero(t, n.diary.count("lost"))
		n.stop(t)
	})
}

func TestStopFinishesWhatIsInFlightAndGivesBackTheRest(t *testing.T) {
	inBubble(t, func(t *testing.T, o *outboxTwin) {
		slow := accepting
		slow.takes = 2 * time.Second
		p := newProviderTwin(o, always(slow))
		n := start(t, o, p, func(c *Config) { c.InFlight, c.PerProject = 2, 2 })
		ds := []Delivery{delivery(1, 10*time.Minute), delivery(1, 10*time.Minute), delivery(1, 10*time.Minute), delivery(1, 10*time.Minute)}
		n.Offer(o.insert(n.Node(), n.Lease(), ds...))
		after(time.Second)
		n.stop(t)
		n.stop(t)
		require.ErrorIs(t, n.Run(context.Background()), ErrRunning)
		ended, back := 0, 0
		for _, d := range ds {
			switch r := o.get(d.ID); {
			case r.State == Accepted:
				ended++
			case r.LeaseNode == uuid.Nil && !r.Unsure && !r.NotBefore.After(time.Now()):
				back++
			}
		}
		require.Equal(t, []int{2, 2}, []int{ended, back})
		require.Len(t, n.diary.ends, 2)
	})
}

func TestStopCutShort(t *testing.T) {
	inBubble(t, func(t *testing.T, o *outboxTwin) {
		p := newProviderTwin(o, always(step{takes: time.Second, noAnswer: true}))
		n := start(t, o, p, nil)
		d := delivery(1, 10*time.Minute)
		n.Offer(o.insert(n.Node(), n.Lease(), d))
		after(time.Second)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		require.ErrorIs(t, n.Stop(ctx), context.DeadlineExceeded)
		<-n.ran
		r := o.get(d.ID)
		require.Equal(t, uuid.Nil, r.LeaseNode, "given back by the last try")
		require.True(t, r.Unsure)
	})
}

func TestFullQueueGivesBackWithoutWaiting(t *testing.T) {
	inBubble(t, func(t *testing.T, o *outboxTwin) {
		slow := accepting
		slow.takes = 3 * time.Second
		p := newProviderTwin(o, always(slow))
		n := start(t, o, p, func(c *Config) { c.InFlight, c.PerProject, c.Queue = 2, 2, 4 })
		var ds []Delivery
		for range 40 {
			ds = append(ds, delivery(1, 30*time.Minute))
		}
		before := time.Now()
		n.Offer(o.insert(n.Node(), n.Lease(), ds...))
		require.True(t, before.Equal(time.Now()), "Offer must not wait")
		after(time.Second)
		require.Positive(t, n.diary.count(DeferredFull))
		require.Positive(t, n.diary.count(DeferredDropped), "4 queues and the attempts in flight are all it holds")
		after(3 * time.Minute)
		for _, d := range ds {
			require.Equal(t, Accepted, o.get(d.ID).State)
			require.Len(t, p.of(d.ID), 1)
		}
		n.stop(t)
	})
}

func TestSenderPanicIsAnAttemptWithoutAnswer(t *testing.T) {
	inBubble(t, func(t *testing.T, o *outboxTwin) {
		p := newProviderTwin(o, func(_ *Delivery, call int) step {
			if call == 0 {
				panic("token secret")
			}
			return accepting
		})
		n := start(t, o, p, nil)
		d := delivery(1, 10*time.Minute)
		n.Offer(o.insert(n.Node(), n.Lease(), d))
		after(time.Minute)
		require.Equal(t, Accepted, o.get(d.ID).State)
		require.True(t, o.get(d.ID).Unsure)
		n.stop(t)
	})
}

func TestConfigRefused(t *testing.T) {
	good := func() Config {
		o := newOutboxTwin()
		return Config{Node: uuid.New(), Outbox: o.as(&life{}), Senders: newProviderTwin(o, nil).as(uuid.Nil), Recheck: gateKeeper(nil)}
	}
	_, err := New(good())
	require.NoError(t, err)
	for field, change := range map[string]func(*Config){
		"node":         func(c *Config) { c.Node = uuid.Nil },
		"outbox":       func(c *Config) { c.Outbox = nil },
		"send_timeout": func(c *Config) { c.SendTimeout = 9 * time.Second },
		"in_flight":    func(c *Config) { c.InFlight = -1 },
		"retry.first":  func(c *Config) { c.Retry.First = time.Second },
	} {
		cfg := good()
		change(&cfg)
		_, err := New(cfg)
		require.ErrorContains(t, err, field)
	}
}
