package emulator

import (
	"net/http"
	"slices"
	"time"
)

// phones is what stands behind the provider: devices that are away, and what is kept for them until they come back. Every
// address is online until somebody says otherwise.
type phones struct {
	away    map[string][]int // by address: what is kept, as places in the record
	arrived []int            // what reached a phone, in order, as places in the record
}

// reach brings the i-th accepted notification to its phone, or keeps it while the phone is away. Of those that fall
// together (slot) the last is kept: an APNs device has one for each app, the others one for each collapse key.
func (c *Control) reach(i int) {
	a := &c.record.accepted[i]
	kept, away := c.phones.away[a.Address]
	switch {
	case !away:
		c.phones.arrived = append(c.phones.arrived, i)
		return
	case !a.Expires.IsZero() && !a.Expires.After(a.Time):
		return // now or never
	}
	kept = slices.DeleteFunc(kept, func(j int) bool { return c.slot(&c.record.accepted[j]) == c.slot(a) })
	c.phones.away[a.Address] = append(kept, i)
}

func (c *Control) slot(a *Accepted) string {
	switch {
	case c.provider == "apns":
		return a.Topic
	case a.CollapseKey != "":
		return a.CollapseKey
	}
	return "\x00" + a.ProviderID
}

// SetOnline takes a phone off the network or brings it back. A phone that comes back gets what was kept for it and has
// not expired.
func (c *Control) SetOnline(address string, online bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept, away := c.phones.away[address]
	if !online {
		if !away {
			c.phones.away[address] = nil
		}
		return
	}
	delete(c.phones.away, address)
	now := c.now()
	for _, i := range kept {
		if until := c.record.accepted[i].Expires; until.IsZero() || now.Before(until) {
			c.phones.arrived = append(c.phones.arrived, i)
		}
	}
}

// Arrived returns what reached a phone, in order, from the since-th (0: all) on. Time is when it was accepted.
func (c *Control) Arrived(since int) []Accepted {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := []Accepted{}
	for _, i := range c.phones.arrived[min(max(since, 0), len(c.phones.arrived)):] {
		list = append(list, c.record.accepted[i])
	}
	return list
}

// Query narrows what was accepted. A zero field narrows nothing.
type Query struct {
	Since                           int // from the so-many-th on
	Address, Notification, Delivery string
	From, Until                     time.Time // accepted at or after, and before
	Limit                           int
}

// Find returns what was accepted and fits q, in order.
func (c *Control) Find(q Query) []Accepted {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := []Accepted{}
	for _, a := range c.record.accepted[min(max(q.Since, 0), len(c.record.accepted)):] {
		fits := (q.Address == "" || q.Address == a.Address) && (q.Notification == "" || q.Notification == a.Notification) &&
			(q.Delivery == "" || q.Delivery == a.Delivery) && !a.Time.Before(q.From) && (q.Until.IsZero() || a.Time.Before(q.Until))
		if !fits {
			continue
		}
		if list = append(list, a); len(list) == q.Limit {
			break
		}
	}
	return list
}

// Rate counts what was accepted in each second from the first on: for pace, ramps and quiet hours.
func (c *Control) Rate() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	const most = 24 * 60 * 60
	perSecond := []int{}
	for _, a := range c.record.accepted {
		s := int(a.Time.Sub(c.record.accepted[0].Time) / time.Second)
		if s < 0 || s >= most {
			continue
		}
		for len(perSecond) <= s {
			perSecond = append(perSecond, 0)
		}
		perSecond[s]++
	}
	return perSecond
}

func (c *Control) phoneRoutes(mux *http.ServeMux, prefix string) {
	online := func(method string, online bool) {
		mux.HandleFunc(method+" "+prefix+"/control/offline/{address...}", func(w http.ResponseWriter, r *http.Request) {
			c.SetOnline(r.PathValue("address"), online)
			w.WriteHeader(http.StatusNoContent)
		})
	}
	online("PUT", false)
	online("DELETE", true)
	mux.HandleFunc("GET "+prefix+"/arrived", func(w http.ResponseWriter, r *http.Request) {
		reply(w, c.Arrived(number(r, "since")))
	})
	mux.HandleFunc("GET "+prefix+"/rate", func(w http.ResponseWriter, _ *http.Request) { reply(w, c.Rate()) })
	mux.HandleFunc("GET "+prefix+"/accepted", func(w http.ResponseWriter, r *http.Request) {
		q := Query{Since: number(r, "since"), Limit: number(r, "limit"), Address: r.URL.Query().Get("address"),
			Notification: r.URL.Query().Get("notification"), Delivery: r.URL.Query().Get("delivery")}
		var faults [2]error
		q.From, faults[0] = instant(r, "from")
		q.Until, faults[1] = instant(r, "until")
		if faults[0] != nil || faults[1] != nil {
			http.Error(w, "refused: from and until are RFC 3339", http.StatusBadRequest)
			return
		}
		reply(w, c.Find(q))
	})
}

func instant(r *http.Request, name string) (time.Time, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339Nano, text)
}
