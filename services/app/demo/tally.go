package demo

import (
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/pusher"
)

// tally counts what phones were told and what the dispatcher observed. It is safe for concurrent use.
type tally struct {
	pusher.NoObserver
	mu      sync.Mutex
	people  int
	pings   int            // acknowledged, each once
	refused map[string]int // pings by the reason of the refusal
	visits  int            // entries of visit fences
	faults  int
	fault   string
	ages    []time.Duration // of every accepted delivery, from its ping received
}

func newTally() *tally { return &tally{refused: map[string]int{}} }

// Ended makes tally a pusher.Observer.
func (t *tally) Ended(_ pusher.Provider, state pusher.State, _ string, age time.Duration) {
	if state != pusher.Accepted {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ages = append(t.ages, age)
}

func (t *tally) arrived() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.people++
}

// failed counts a call that was not answered and keeps the last reason.
func (t *tally) failed(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults++
	t.fault = err.Error()
}

func (t *tally) answered(r *v1.ReportPingsResponse) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, result := range r.GetResults() {
		if !result.GetDuplicate() {
			t.pings++
		}
		if result.GetOutcome() == v1.PingResult_REFUSED {
			t.refused[result.GetRefusal().String()]++
		}
		for _, tr := range result.GetTransitions() {
			if tr.GetKind() == v1.Transition_ENTERED && tr.GetPurpose() == v1.Fence_VISIT && !result.GetDuplicate() {
				t.visits++
			}
		}
	}
}

// count is a copy of what was tallied.
type count struct {
	people, pings, visits, faults int
	refused                       map[string]int
	fault                         string
	samples                       int // of the latency
	p50, p99                      time.Duration
}

func (t *tally) count() count {
	t.mu.Lock()
	defer t.mu.Unlock()
	ages := slices.Sorted(slices.Values(t.ages))
	return count{people: t.people, pings: t.pings, visits: t.visits, faults: t.faults, refused: maps.Clone(t.refused),
		fault: t.fault, samples: len(ages), p50: quantile(ages, 0.50), p99: quantile(ages, 0.99)}
}

// quantile is the smallest sample that at least a share q of all samples do not exceed (nearest rank); 0 without any.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}
