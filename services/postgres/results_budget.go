package postgres

import (
	"sync"
	"time"
)

// resultBudget lets counting take a twentieth of a node's time. Nothing is saved up when a node starts. A count begins when
// what it will cost, as far as it is known from the rows it has to read, is saved, a small one on loan; one that costs
// more than countMost is not waited for any longer, and its cost is paid back afterwards.
type resultBudget struct {
	mu     sync.Mutex
	spare  time.Duration // what counting may take now; below zero: it took more
	wanted time.Duration // what is being saved for
	as     time.Time     // of when
	perRow time.Duration // what a row costs, as it went lately; 0: firstPerRow
	now    func() time.Time
}

const (
	countShare  = 20
	countAhead  = time.Second // what is saved up while nothing is wanted
	countLoan   = 200 * time.Millisecond
	countMost   = 5 * time.Second // saved in 100 seconds
	countDebt   = time.Minute     // what is paid back of the counts that close hours, which ask nobody
	firstPerRow = 2 * time.Microsecond
	fewRows     = 1000
)

// estimate is what it costs to count so many rows of decisions.
func (b *resultBudget) estimate(rows int64) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.perRow == 0 {
		b.perRow = firstPerRow
	}
	return time.Duration(rows) * b.perRow
}

// begin tells whether a count of that cost may begin now.
func (b *resultBudget) begin(cost time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now == nil {
		b.now = time.Now
	}
	now := b.now()
	if !b.as.IsZero() {
		b.spare += max(0, now.Sub(b.as)) / countShare
	}
	b.as = now
	cost = min(cost, countMost)
	b.spare = min(b.spare, max(countAhead, b.wanted))
	if b.spare <= -countLoan || b.spare+countLoan < cost {
		b.wanted = max(b.wanted, cost)
		return false
	}
	if cost >= b.wanted {
		b.wanted = 0
	}
	return true
}

// forced takes off what the closing of an hour took.
func (b *resultBudget) forced(took time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spare = max(b.spare-took, min(b.spare, -countDebt))
}

// spent takes off what a count of so many rows took.
func (b *resultBudget) spent(took time.Duration, rows int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spare -= took
	if rows >= fewRows {
		b.perRow = (3*b.perRow + took/time.Duration(rows)) / 4
	}
}
