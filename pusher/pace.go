package pusher

import (
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Pace bounds how fast attempts begin in this process. Nodes do not share it: divide a provider's quota by their
// number. Moments wait for the limits alone; reminders and bulk also climb a ramp, because providers ask for it, and what
// begins within a minute of a full quarter of an hour climbs when that is over.
type Pace struct {
	PerSecond int // attempts a second, all projects together; 0: no limit
	// Project is the attempts a second of one brand and provider; 0: 10,000 for FCM (its default quota of 600,000 a
	// minute, evenly), no limit for the others; -1: no limit.
	Project int
	// Of replaces Project for one brand and provider where it answers more than 0; nil: for none.
	Of func(brand uuid.UUID, provider Provider) int
	// Peak is the attempts a second of reminders and bulk of one project at the top of the ramp; 0: 80% of the
	// project's limit, 8,000 where it has none.
	Peak int
	Ramp time.Duration // how long the way from a sixtieth of Peak to Peak takes at least; default and least 1 min
}

// The defaults of a Pace.
const (
	fcmPerSecond = 10_000
	usualPeak    = 8_000
	leastRamp    = time.Minute
	// burst is how much of a second's attempts may begin at once: quotas are not to be burnt at their start.
	burst = 0.1
	// rampIdle is after how long without use a ramp begins to fall again, as fast as it rose.
	rampIdle = time.Second
)

// Check refuses a pace, naming the field.
func (p Pace) Check() error {
	_, err := p.withDefaults()
	return err
}

func (p Pace) withDefaults() (Pace, error) {
	preset(&p.Ramp, leastRamp)
	if p.Ramp < leastRamp {
		return p, fmt.Errorf("pace.ramp: %s is shorter than %s", p.Ramp, leastRamp)
	}
	if p.PerSecond < 0 || p.Project < -1 || p.Peak < 0 {
		return p, fmt.Errorf("pace.per_second, pace.project, pace.peak: must not be negative")
	}
	return p, nil
}

// project is the limit of one project; 0: none.
func (p *Pace) project(of project) int {
	if p.Of != nil {
		if own := p.Of(of.brand, of.provider); own > 0 {
			return own
		}
	}
	switch {
	case p.Project < 0, p.Project == 0 && of.provider != FCM:
		return 0
	case p.Project == 0:
		return fcmPerSecond
	}
	return p.Project
}

func (p *Pace) peak(limit int) float64 {
	peak := float64(p.Peak)
	switch {
	case p.Peak == 0 && limit == 0:
		return usualPeak
	case p.Peak == 0:
		peak = 0.8 * float64(limit)
	}
	if limit > 0 {
		peak = min(peak, float64(limit))
	}
	return max(peak, 1)
}

// bucket holds what may begin now. The zero value is full.
type bucket struct {
	missing float64 // below full
	at      time.Duration
}

// wait is how long until one may begin at rate a second; taking is apart, so that several buckets agree first.
func (b *bucket) wait(now time.Duration, rate float64) time.Duration {
	b.missing = max(b.missing-rate*(now-b.at).Seconds(), 0)
	b.at = now
	if over := b.missing + 1 - max(rate*burst, 1); over > 1e-9 {
		return time.Duration(math.Ceil(over / rate * float64(time.Second)))
	}
	return 0
}

func (b *bucket) take() { b.missing++ }

// pacing is one project's share of the pace.
type pacing struct {
	all, gentle bucket
	limit       int
	limited     time.Duration // when limit was last asked for
	height      float64       // of the ramp, 0 to 1
	seen        time.Duration // when reminders or bulk were last asked about
}

// climb moves along the ramp and returns the rate allowed there. crowded: it does not rise.
func (c *pacing) climb(now, ramp time.Duration, peak float64, crowded bool) float64 {
	since := now - c.seen
	c.seen = now
	step := since.Seconds() / ramp.Seconds()
	switch {
	case since > rampIdle:
		step = -step
	case crowded:
		step = 0
	}
	c.height = min(max(c.height+step, 0), 1)
	low := max(peak/60, 1)
	return low + (peak-low)*c.height
}

// Whoever sends by a clock begins at a quarter of an hour, and providers ask to keep away from that.
const (
	quarter    = 15 * time.Minute
	aroundMark = time.Minute
)

// crowded tells whether a quarter of an hour has just begun or is about to. Zones are whole quarters away from each other.
func crowded(at time.Time) bool {
	past := at.Sub(at.Truncate(quarter))
	return past < aroundMark || past >= quarter-aroundMark
}

// pacer says when an attempt may begin.
type pacer struct {
	pace Pace
	wall func() time.Time // nil: no time of day is avoided

	mu       sync.Mutex
	total    bucket
	projects map[project]*pacing
}

func newPacer(p Pace, wall func() time.Time) *pacer {
	return &pacer{pace: p, wall: wall, projects: make(map[project]*pacing)}
}

// limitFor is how long a project's limit is kept before Pace.Of is asked again.
const limitFor = time.Second

// take lets one attempt of rank begin now (0), or says how long to wait; then nothing was taken.
func (p *pacer) take(of project, r Rank, now time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.projects[of]
	if c == nil {
		c = &pacing{limit: p.pace.project(of), limited: now, seen: now}
		c.all.at, c.gentle.at = now, now
		p.projects[of] = c
	} else if now-c.limited > limitFor {
		c.limit, c.limited = p.pace.project(of), now
	}
	var wait time.Duration
	if p.pace.PerSecond > 0 {
		wait = p.total.wait(now, float64(p.pace.PerSecond))
	}
	if c.limit > 0 {
		wait = max(wait, c.all.wait(now, float64(c.limit)))
	}
	if r > RankMoment {
		wait = max(wait, c.gentle.wait(now, c.climb(now, p.pace.Ramp, p.pace.peak(c.limit), p.wall != nil && crowded(p.wall()))))
	}
	if wait > 0 {
		return wait
	}
	p.total.take()
	c.all.take()
	if r > RankMoment {
		c.gentle.take()
	}
	return 0
}

// rate is what reminders and bulk of a project may begin in a second at present.
func (p *pacer) rate(of project) float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.projects[of]
	if c == nil {
		return p.pace.peak(p.pace.project(of)) / 60
	}
	peak := p.pace.peak(c.limit)
	return max(peak/60, 1) + (peak-max(peak/60, 1))*c.height
}

// prune forgets projects that were idle so long that they would begin anew anyway.
func (p *pacer) prune(now time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for of, c := range p.projects {
		if now-max(c.all.at, c.seen, c.limited) > 2*p.pace.Ramp {
			delete(p.projects, of)
		}
	}
}
