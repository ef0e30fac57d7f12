package bench

import (
	"fmt"
	"io"
	"math"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/term"
)

// report is what a measurement tells.
type report struct {
	PingsPerSecond     float64        `json:"pings_per_s"` // answered
	Pings              int            `json:"pings"`
	Seconds            float64        `json:"seconds"`
	Taken              int            `json:"taken"`
	Transitions        int            `json:"transitions"`
	Refusals           map[string]int `json:"refusals,omitempty"` // of single pings, by code
	P50                float64        `json:"p50_ms"`             // of a call
	P99                float64        `json:"p99_ms"`
	Max                float64        `json:"max_ms"`
	OfferedPerSecond   float64        `json:"offered_pings_per_s,omitempty"`
	GoodputPerSecond   float64        `json:"goodput_pings_per_s"` // taken
	Refused            int            `json:"refused"`             // calls, RESOURCE_EXHAUSTED
	RefusedPings       int            `json:"refused_pings"`
	RefusedP99         float64        `json:"refused_p99_ms,omitempty"`
	LagP99             float64        `json:"lag_p99_ms,omitempty"` // by which this process made calls later than they were due
	Errors             int            `json:"errors"`               // other errors; repeated
	ServerCPU          float64        `json:"server_cpu_us_per_ping"`
	NodeCPU            float64        `json:"node_cpu_us_per_ping"`
	PostgresCPU        float64        `json:"postgres_cpu_us_per_ping"`
	ClientCPU          float64        `json:"client_cpu_us_per_ping"`
	AllocBytesPerPing  float64        `json:"server_alloc_bytes_per_ping"`
	AllocsPerPing      float64        `json:"server_allocs_per_ping"`
	ServerRSS          float64        `json:"server_rss_mb"`
	ServerPeakRSS      float64        `json:"server_peak_rss_mb"`
	FencesPerSecond    float64        `json:"fences_per_s,omitempty"`    // loaded
	BytesPerFence      float64        `json:"bytes_per_fence,omitempty"` // of the server's heap
	BytesPerPerson     float64        `json:"bytes_per_person"`
	StartSeconds       float64        `json:"server_start_s"` // with its database, until it is ready; the last start
	FsyncMicros        float64        `json:"fsync_us"`
	NoopPingsPerSecond float64        `json:"noop_pings_per_s,omitempty"`
	Notified           *notified      `json:"notified,omitempty"`
	Verified           *verdict       `json:"verified,omitempty"`
	Settings           settingsUsed   `json:"settings"`
}

// settingsUsed are the flags as they were taken.
type settingsUsed struct {
	Fences         int      `json:"fences"`
	Box            string   `json:"box"`
	Radius         float64  `json:"radius"`
	Devices        int      `json:"devices"`
	Population     int      `json:"population"`
	PeopleInMemory int      `json:"people_in_memory,omitempty"`
	Batch          int      `json:"batch"`
	Conns          int      `json:"conns"`
	InFlight       int      `json:"in_flight"` // over all connections
	Mode           string   `json:"mode"`
	Policy         string   `json:"policy"`
	Campaigns      int      `json:"campaigns"`
	Matching       int      `json:"matching"`
	Seed           uint64   `json:"seed"`
	Every          string   `json:"every"`
	WarmUp         int      `json:"warm_up"`
	Restart        bool     `json:"restart"`
	Rate           float64  `json:"rate,omitempty"`
	Push           bool     `json:"push"`
	Serve          []string `json:"serve,omitempty"`
}

func (c *ingestCommand) settings() settingsUsed {
	return settingsUsed{
		Fences: c.Fences, Box: c.Box, Radius: c.Radius, Devices: c.Devices, Population: c.Population, PeopleInMemory: c.PeopleInMemory,
		Batch: c.batch(), Conns: c.Conns, InFlight: c.lanes(), Mode: c.Mode, Policy: c.Policy, Campaigns: c.Campaigns, Matching: c.Matching,
		Seed: c.Seed, Every: c.Every.String(), WarmUp: c.WarmUp, Restart: c.Restart, Rate: c.Rate, Push: c.Push, Serve: c.Serve,
	}
}

func (r *report) fill(t *tally, took time.Duration, used spent) {
	seconds := took.Seconds()
	r.Pings, r.Taken, r.Transitions, r.Seconds = t.pings, t.taken, t.transitions, round(seconds)
	r.PingsPerSecond, r.GoodputPerSecond = round(float64(t.pings)/seconds), round(float64(t.taken)/seconds)
	r.Refused, r.RefusedPings, r.Errors = t.refusedCalls, t.refusedPings, t.errors
	for code, n := range t.refusals {
		if r.Refusals == nil {
			r.Refusals = map[string]int{}
		}
		r.Refusals[code.String()] = n
	}
	r.OfferedPerSecond = round(float64(t.pings+t.refusedPings) / seconds)
	r.P50, r.P99, r.Max = quantile(t.times, 0.5)/1000, quantile(t.times, 0.99)/1000, quantile(t.times, 1)/1000
	r.LagP99 = quantile(t.lags, 0.99) / 1000
	r.RefusedP99 = quantile(t.refusedTimes, 0.99) / 1000
	micros := func(d time.Duration) float64 { return perPing(float64(d.Microseconds()), t.pings) }
	r.NodeCPU, r.PostgresCPU, r.ClientCPU = micros(used.node), micros(used.postgres), micros(used.client)
	r.ServerCPU = micros(used.node + used.postgres)
}

func perPing(v float64, pings int) float64 { return round(v / float64(max(pings, 1))) }

// round keeps what is worth reading: three digits, or whole numbers.
func round(v float64) float64 {
	if math.Abs(v) >= 100 {
		return math.Round(v)
	}
	return math.Round(v*100) / 100
}

// told are all transitions that lanes were told of.
func (l *load) told() (all []record) {
	for _, lane := range l.list {
		all = append(all, lane.told...)
	}
	return all
}

// progress writes how far things are: one line that changes on a terminal, else a line every few seconds.
type progress struct {
	out      io.Writer
	terminal bool
	last     time.Time
}

func newProgress(f *os.File) *progress {
	return &progress{out: f, terminal: term.IsTerminal(int(f.Fd()))}
}

const rarely = 5 * time.Second

func (p *progress) say(text string) {
	if p.terminal {
		fmt.Fprintf(p.out, "\r\033[K%s", text)
		return
	}
	fmt.Fprintln(p.out, text)
}

// count tells how many of something are done.
func (p *progress) count(what string, n int) {
	if p.terminal || time.Since(p.last) > rarely {
		p.last = time.Now()
		p.say(fmt.Sprintf("%s: %d", what, n))
	}
}

// follow tells of a growing number each second until the function that it returns is called.
func (p *progress) follow(what string, n *atomic.Int64) (stop func()) {
	ended, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		began, before := time.Now(), int64(0)
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
			}
			now := n.Load()
			if p.terminal || time.Since(p.last) > rarely {
				p.last = time.Now()
				p.say(fmt.Sprintf("%s: %d pings in %.0f s, %d/s now", what, now, time.Since(began).Seconds(), now-before))
			}
			before = now
		}
	}()
	return func() { close(ended); <-over }
}

func (p *progress) done() {
	if p.terminal {
		fmt.Fprint(p.out, "\r\033[K")
	}
}
