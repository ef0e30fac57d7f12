package postgres

import (
	"context"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Heard collects the statements that were run without parameters: those are not prepared.
type Heard struct {
	mu  sync.Mutex
	sql []string
}

// TraceQueryStart and TraceQueryEnd make it a pgx.QueryTracer.
func (h *Heard) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(data.Args) == 0 && !slices.Contains(h.sql, data.SQL) {
		h.sql = append(h.sql, data.SQL)
	}
	return ctx
}

func (h *Heard) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// Statements lists what was heard.
func (h *Heard) Statements() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.sql)
}

// Hear makes a store's connections tell what they run.
func Hear(ctx context.Context, s *Store) (*Heard, error) {
	h := &Heard{}
	config := s.pool.Config()
	config.ConnConfig.Tracer = h
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	s.pool.Close()
	s.pool = pool
	return h, nil
}
