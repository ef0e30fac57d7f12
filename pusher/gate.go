package pusher

import (
	"sync"
	"time"

	"github.com/google/uuid"
)

// project is what a provider counts and refuses together: one brand's credential.
type project struct {
	brand    uuid.UUID
	provider Provider
}

type device struct{ brand, id uuid.UUID }

// gate knows which projects and devices must be left alone, and until when (monotonic time). After a project's
// pause one delivery probes; the rest goes on only when the probe was answered.
type gate struct {
	mu       sync.Mutex
	projects map[project]*pause
	devices  map[device]time.Duration
}

type pause struct {
	until   time.Duration
	rounds  int // how often in a row it was paused
	probing bool
	refused string // the code of the refusal, where it is the credential that is refused
}

func newGate() *gate {
	return &gate{projects: make(map[project]*pause), devices: make(map[device]time.Duration)}
}

// pass is the answer to one delivery: it may go (wait 0), perhaps as the project's probe, or must wait.
type pass struct {
	wait   time.Duration
	probe  bool
	reason string
}

// admit asks for passage at now; probeTime is how long to wait while another delivery probes.
func (g *gate) admit(p project, d device, now, probeTime time.Duration) pass {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until, slowed := g.devices[d]; slowed {
		if now < until {
			return pass{wait: until - now, reason: DeferredDeviceSlowed}
		}
		delete(g.devices, d)
	}
	held := g.projects[p]
	switch {
	case held == nil:
		return pass{}
	case now < held.until:
		return pass{wait: held.until - now, reason: DeferredProjectPaused}
	case held.probing:
		return pass{wait: probeTime, reason: DeferredProjectPaused}
	}
	held.probing = true
	return pass{probe: true}
}

// slow keeps a device waiting until until.
func (g *gate) slow(d device, until time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.devices[d] = max(g.devices[d], until)
}

// hold pauses a project; length gets the number of pauses in a row, from 1. Answers that come while it is paused
// already (of attempts begun before) lengthen the pause, but are no further round.
func (g *gate) hold(p project, now time.Duration, probe bool, length func(round int) time.Duration) (until time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	held := g.projects[p]
	if held == nil {
		held = &pause{}
		g.projects[p] = held
	}
	if held.rounds == 0 || now >= held.until {
		held.rounds++
	}
	if probe {
		held.probing = false
	}
	held.until = max(held.until, now+length(held.rounds))
	return held.until
}

// settle ends a probe: answered opens the project, anything else lets the next delivery probe. It returns the code for
// which the credential was refused until now.
func (g *gate) settle(p project, answered bool) (refused string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if held := g.projects[p]; held != nil {
		if held.probing = false; answered {
			refused = held.refused
			delete(g.projects, p)
		}
	}
	return refused
}

// open forgets a project's pause and returns the code for which its credential was refused.
func (g *gate) open(p project) (refused string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if held := g.projects[p]; held != nil {
		refused = held.refused
	}
	delete(g.projects, p)
	return refused
}

// refuse notes why a paused project's credential is refused; news: it was not, or for another reason.
func (g *gate) refuse(p project, code string) (news bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	held := g.projects[p]
	if held == nil || held.refused == code {
		return false
	}
	held.refused = code
	return true
}

// prune forgets slow-downs that are over, so that memory is bounded by those that are not.
func (g *gate) prune(now time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for d, until := range g.devices {
		if now >= until {
			delete(g.devices, d)
		}
	}
}
