package demo

import (
	"context"
	"time"

	"github.com/wantgo/wantgo/services/postgres"
)

// ledger reads what the database holds of a run, past the engine, so that the summary says what is stored and not what
// a counter believes. It outlives the node.
type ledger struct {
	store *postgres.Store
	since time.Time
}

func openLedger(ctx context.Context, url string, since time.Time) (*ledger, error) {
	store, err := postgres.Open(ctx, url, postgres.Options{MaxConns: 1, ApplicationName: "wantgo demo summary"})
	return &ledger{store, since}, err
}

func (l *ledger) close() {
	if l.store != nil {
		l.store.Close()
	}
}

func (l *ledger) read(ctx context.Context) (postgres.Tally, error) {
	return l.store.Tally(ctx, demoBrand, l.since)
}

// examples finds a person of whom the last word is a won decision, and one who was refused.
func (l *ledger) examples(ctx context.Context) (won, refused postgres.Example, err error) {
	return l.store.Examples(ctx, demoBrand, l.since)
}
