package demo

import (
	"context"
	"fmt"
	"github.com/wantgo/wantgo/services/postgres"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Summary is what a demo ends with. Transitions, decisions, coupons and deliveries are rows of the database, accepted
// are the different notifications that the emulators recorded, pings are those that phones had acknowledged.
type Summary struct {
	Pings         int            `json:"pings"`
	Transitions   int            `json:"transitions"`
	Decisions     map[string]int `json:"decisions"` // by reason
	CouponsIssued int            `json:"coupons_issued"`
	Deliveries    map[string]int `json:"deliveries"` // by state
	Accepted      map[string]int `json:"accepted"`   // by provider
	// Milliseconds from a ping received to its notification accepted: nearest-rank quantiles over all accepted ones.
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
	Samples int     `json:"latency_samples"`

	TransitionsByKind map[string]int `json:"transitions_by_kind"`
	Visits            int            `json:"visits"`        // visit fences entered
	PingsRefused      map[string]int `json:"pings_refused"` // by reason
	People            int            `json:"people"`
	Stores            int            `json:"stores"`
	CallsFailed       int            `json:"calls_failed"`
	Seconds           float64        `json:"seconds"` // of walking
	WhyWon            string         `json:"why_won,omitempty"`
	WhyRefused        string         `json:"why_refused,omitempty"`
}

// sum counts a run whose node has stopped.
func (s *stage) sum(ctx context.Context, t *tally, walked time.Duration, stores int) (Summary, error) {
	f, err := s.ledger.read(ctx)
	if err != nil {
		return Summary{}, err
	}
	won, refused, err := s.ledger.examples(ctx)
	if err != nil {
		return Summary{}, err
	}
	c := t.count()
	return Summary{
		Pings: c.pings, Transitions: total(f.Transitions), Decisions: f.Decisions, CouponsIssued: f.Coupons,
		Deliveries: f.Deliveries, Accepted: s.accepted(), P50: milliseconds(c.p50), P99: milliseconds(c.p99), Samples: c.samples,
		TransitionsByKind: f.Transitions, Visits: f.Visits, PingsRefused: c.refused, People: c.people, Stores: stores,
		CallsFailed: c.faults, Seconds: walked.Round(100 * time.Millisecond).Seconds(), WhyWon: s.why(won), WhyRefused: s.why(refused),
	}, nil
}

func total(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond)) / float64(time.Millisecond)
}

// print writes the summary for a person.
func (s *Summary) print(w io.Writer) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-22s"+format+"\n", append([]any{name}, args...)...)
	}
	fmt.Fprintf(w, "\nAfter %.0f s with %d people and %d stores:\n\n", s.Seconds, s.People, s.Stores)
	row("pings", "%d", s.Pings)
	row("transitions", "%d  (%s)", s.Transitions, listed(s.TransitionsByKind))
	row("visits", "%d", s.Visits)
	row("decisions", "%d  (%s)", total(s.Decisions), listed(s.Decisions))
	row("coupons issued", "%d", s.CouponsIssued)
	row("deliveries", "%d  (%s)", total(s.Deliveries), listed(s.Deliveries))
	row("accepted", "%d  (%s)", total(s.Accepted), listed(s.Accepted))
	if len(s.PingsRefused) > 0 {
		row("pings refused", "%d  (%s)", total(s.PingsRefused), listed(s.PingsRefused))
	}
	if s.CallsFailed > 0 {
		row("calls failed", "%d", s.CallsFailed)
	}
	row("ping to notification", "p50 %.1f ms, p99 %.1f ms", s.P50, s.P99)
	fmt.Fprintln(w)
	if s.WhyWon != "" {
		fmt.Fprintf(w, "Why did somebody get one?\n  %s\n", s.WhyWon)
	}
	if s.WhyRefused != "" {
		fmt.Fprintf(w, "Why did somebody not?\n  %s\n", s.WhyRefused)
	}
}

// why is the command line that tells about an example; empty without one.
func (s *stage) why(e postgres.Example) string {
	if e.PersonID == uuid.Nil {
		return ""
	}
	return fmt.Sprintf("wantgo why --data-dir %s --person %s", quoted(s.ground.dir), e.PersonID)
}

// quoted is a word for a shell.
func quoted(word string) string {
	if strings.ContainsFunc(word, func(r rune) bool {
		return !strings.ContainsRune("/._-+:@%,", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}
