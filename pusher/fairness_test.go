package pusher

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// bulk is n deliveries of many people at once, of one brand.
func bulk(brand byte, n int) (list []Delivery) {
	for range n {
		d := delivery(brand, time.Hour)
		d.Notification.Rank = RankBulk
		list = append(list, d)
	}
	return list
}

// The bulk of several brands fills a node whose provider is slow for them, and more of it is due. Another brand's moment
// that waits in storage, having been another node's, goes at once all the same, and so does a reminder.
func TestBulkDoesNotKeepAMomentInStorage(t *testing.T) {
	inBubble(t, func(t *testing.T, o *outboxTwin) {
		p := newProviderTwin(o, func(d *Delivery, _ int) step {
			if d.BrandID[15] < 9 {
				return step{takes: 9 * time.Second, accepts: true, result: Result{Outcome: OutcomeAccepted}}
			}
			return accepting
		})
		for i := range byte(240) {
			o.insert(uuid.Nil, 0, bulk(1+i%3, 1)...)
		}
		n := start(t, o, p, func(c *Config) { c.InFlight, c.Queue = 4, 40 })
		after(5 * time.Second)
		waiting, flying := n.queue.counts()
		require.Equal(t, []int{40, 3}, []int{waiting, flying}, "full, but for a moment's place at the provider")
		moment, reminder := delivery(9, 10*time.Minute), delivery(9, 10*time.Minute)
		reminder.Notification.Rank = RankReminder
		o.insert(uuid.Nil, 0, moment, reminder)
		after(1500 * time.Millisecond)
		require.Equal(t, Accepted, o.get(moment.ID).State)
		after(12 * time.Second)
		require.Equal(t, Accepted, o.get(reminder.ID).State)
		require.Greater(t, p.total(), 6, "bulk goes on")
		n.stop(t)
	})
}

// What a node had when it died is taken over by rank: the moments first, whatever is due longer.
func TestRanksOutliveTheirNode(t *testing.T) {
	inBubble(t, func(t *testing.T, o *outboxTwin) {
		p := newProviderTwin(o, always(step{noAnswer: true}))
		one := start(t, o, p, func(c *Config) { c.InFlight = 1 })
		held := bulk(1, 30)
		moments := []Delivery{delivery(2, time.Hour), delivery(3, time.Hour)}
		one.Offer(o.insert(one.Node(), one.Lease(), append(held, moments...)...))
		after(time.Second)
		one.kill()
		p.script = always(accepting)
		two := start(t, o, p, func(c *Config) { c.InFlight, c.BatchSize, c.Pace.Peak = 1, 8, 60 })
		after(16 * time.Second)
		for _, d := range moments {
			require.Equal(t, Accepted, o.get(d.ID).State)
		}
		done := 0
		for _, d := range held {
			if o.get(d.ID).State == Accepted {
				done++
			}
		}
		require.Less(t, done, len(held), "bulk climbs")
		two.stop(t)
	})
}
