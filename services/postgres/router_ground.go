package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

// clusterMemory is the last that was heard of each worker's epoch: one that does not answer has no other until it does.
type clusterMemory struct {
	mu    sync.Mutex
	heard map[string]string // by the worker's address
}

// queryer asks a pool or a connection.
type queryer interface {
	rowQuerier
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// readEpoch is the epoch of the database and, of a distributed one, of every worker, because each may fail over by
// itself. A worker that joins or leaves changes it as well.
func (s *Store) readEpoch(ctx context.Context, q queryer) (string, error) {
	epoch, err := readEpoch(ctx, q)
	if err != nil || !s.distributed {
		return epoch, err
	}
	// The text is a constant of this program; quoted by dollars it holds none.
	rows, err := q.Query(ctx, `SELECT nodename || ':' || nodeport, success, result FROM run_command_on_workers($epoch$`+epochSQL+`$epoch$)`)
	if err != nil {
		return "", fmt.Errorf("epoch: %w", err)
	}
	workers, err := s.cluster.hear(rows)
	if err != nil || len(workers) == 0 {
		return epoch, err
	}
	sum := sha256.Sum256([]byte(strings.Join(workers, ",")))
	return epoch + "-" + hex.EncodeToString(sum[:8]), nil
}

// hear takes the workers' answers and returns their epochs, sorted.
func (m *clusterMemory) hear(rows pgx.Rows) (epochs []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := map[string]string{}
	var address, result string
	var success bool
	_, err = pgx.ForEachRow(rows, []any{&address, &success, &result}, func() error {
		if !success {
			last, known := m.heard[address]
			if !known {
				return errors.New("a worker does not answer")
			}
			result = last
		}
		now[address], epochs = result, append(epochs, result)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("epoch: %w", err)
	}
	m.heard = now
	slices.Sort(epochs)
	return epochs, nil
}
