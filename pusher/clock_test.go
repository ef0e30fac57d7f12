package pusher

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Storage's clock is stepped by an hour while a delivery waits for its next attempt, and back. The provider is not asked
// any sooner for it, the wait that follows is not longer, and nothing ends.
func TestStorageClockStepped(t *testing.T) {
	for name, noticed := range map[string]bool{"before anybody notices": false, "and the node knows": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, o *outboxTwin) {
				p := newProviderTwin(o, func(_ *Delivery, call int) step {
					if call < 2 {
						return answering(Result{Outcome: OutcomeRetry, Code: "UNAVAILABLE"})
					}
					return accepting
				})
				var sane atomic.Bool
				sane.Store(true)
				distrusted := 0
				o.broken = func(op string) (before, after bool) {
					if op == "claim" && !sane.Load() {
						distrusted++
					}
					return false, false
				}
				n := start(t, o, p, func(c *Config) { c.Sane = sane.Load })
				d := delivery(1, 10*time.Minute)
				n.Offer(o.insert(n.Node(), n.Lease(), d))
				after(time.Second)
				require.Len(t, p.of(d.ID), 1)
				o.step(time.Hour)
				sane.Store(!noticed)
				after(5 * time.Second)
				require.Len(t, p.of(d.ID), 1, "an hour has not passed")
				require.Equal(t, 1, o.get(d.ID).Attempt)
				o.step(0)
				sane.Store(true)
				after(11 * time.Second)
				require.Len(t, p.of(d.ID), 2)
				after(32 * time.Second)
				require.Len(t, p.of(d.ID), 3, "the second wait is the second, however often it was claimed")
				require.Equal(t, Accepted, o.get(d.ID).State)
				n.stop(t)
				require.Zero(t, distrusted, "claims by a clock that is not trusted")
			})
		})
	}
}

// What was claimed and not attempted does not lengthen the waits to come.
func TestUnusedAttemptsAreNotCounted(t *testing.T) {
	inBubble(t, func(t *testing.T, o *outboxTwin) {
		p := newProviderTwin(o, always(accepting))
		var asked atomic.Int32
		n := start(t, o, p, func(c *Config) {
			c.Recheck = gateKeeper(func(*Delivery) (bool, State, string) {
				return asked.Add(1) > 5, Pending, "PERSON_NOT_READ"
			})
		})
		d := delivery(1, 10*time.Minute)
		n.Offer(o.insert(n.Node(), n.Lease(), d))
		after(30 * time.Second)
		require.Equal(t, Accepted, o.get(d.ID).State)
		require.EqualValues(t, 6, asked.Load())
		require.LessOrEqual(t, o.get(d.ID).Attempt, 2)
		n.stop(t)
	})
}
