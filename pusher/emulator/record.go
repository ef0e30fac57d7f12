package emulator

import (
	"maps"
	"time"

	"github.com/wantgo/wantgo/pusher/payload"
)

// mostRecorded bounds the record; counting goes on beyond it.
const mostRecorded = 1_000_000

// Accepted is one notification that the provider took.
type Accepted struct {
	Time         time.Time         `json:"time"`
	Provider     string            `json:"provider"`
	Address      string            `json:"address"`
	Topic        string            `json:"topic,omitempty"` // APNs: the bundle id
	ProviderID   string            `json:"provider_id"`
	Notification string            `json:"notification,omitempty"` // the wantgo_notification key
	Delivery     string            `json:"delivery,omitempty"`     // the wantgo_delivery key
	Campaign     string            `json:"campaign,omitempty"`
	CollapseKey  string            `json:"collapse_key,omitempty"`
	Priority     string            `json:"priority,omitempty"`
	Expires      time.Time         `json:"expires,omitzero"` // zero: the provider's own limit; Time: now or never
	Title        string            `json:"title,omitempty"`
	Body         string            `json:"body,omitempty"`
	Keys         map[string]string `json:"keys,omitempty"` // all data of the notification
}

func (a *Accepted) readKeys(keys map[string]string) {
	a.Keys = keys
	a.Notification, a.Delivery, a.Campaign = keys[payload.NotificationKey], keys[payload.DeliveryKey], keys[payload.CampaignKey]
}

// Counts are an emulator's totals since it started or was told to forget.
type Counts struct {
	Requests              int            `json:"requests"`
	Accepted              int            `json:"accepted"`
	DistinctNotifications int            `json:"distinct_notifications"`
	DistinctDeliveries    int            `json:"distinct_deliveries"`
	ByOutcome             map[string]int `json:"by_outcome"`
	Validated             int            `json:"validated,omitempty"` // FCM: validate_only
	Tokens                int            `json:"tokens,omitempty"`    // FCM: access tokens given out
	Connections           int            `json:"connections"`         // opened
	HTTP2                 int            `json:"http2,omitempty"`     // FCM: requests that came over HTTP/2
	OverLimit             int            `json:"over_limit,omitempty"`
	ProviderTokens        int            `json:"provider_tokens,omitempty"` // APNs: different good ones shown
	Held                  int            `json:"held"`                      // now, by a stall
}

type record struct {
	accepted      []Accepted
	counts        Counts
	notifications map[string]struct{}
	deliveries    map[string]struct{}
}

func (r *record) empty() {
	*r = record{notifications: map[string]struct{}{}, deliveries: map[string]struct{}{}}
	r.counts.ByOutcome = map[string]int{}
}

// count changes the totals.
func (c *Control) count(change func(*Counts)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.record.counts)
}

func (c *Control) ended(outcome string) {
	c.count(func(n *Counts) { n.ByOutcome[outcome]++ })
}

func (c *Control) accept(a Accepted) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a.Time, a.Provider = c.now().UTC(), c.provider
	c.record.counts.Accepted++
	if a.Notification != "" {
		c.record.notifications[a.Notification] = struct{}{}
	}
	if a.Delivery != "" {
		c.record.deliveries[a.Delivery] = struct{}{}
	}
	if len(c.record.accepted) < mostRecorded {
		c.record.accepted = append(c.record.accepted, a)
		c.reach(len(c.record.accepted) - 1)
	}
}

// Accepted returns what was accepted, in order, from the since-th (0: all) on.
func (c *Control) Accepted(since int) []Accepted {
	c.mu.Lock()
	defer c.mu.Unlock()
	since = min(max(since, 0), len(c.record.accepted))
	return append([]Accepted{}, c.record.accepted[since:]...)
}

// Counts returns the totals.
func (c *Control) Counts() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.record.counts
	n.ByOutcome = maps.Clone(n.ByOutcome)
	n.DistinctNotifications, n.DistinctDeliveries = len(c.record.notifications), len(c.record.deliveries)
	n.Held = c.held
	return n
}

// Forget empties the record and the totals; scripts stay.
func (c *Control) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.record.empty()
	c.phones.arrived = nil
	for address := range c.phones.away {
		c.phones.away[address] = nil
	}
}
