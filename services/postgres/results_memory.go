package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/engine"
)

// resultMemory is the hours in which this node wrote decisions. What other nodes wrote, and this one before it was started
// anew, is found in result_hour and, once, by looking at all hours that may be open.
type resultMemory struct {
	mu     sync.Mutex
	hours  map[resultHour]*notes
	looked bool
	unread []time.Time // hours that are still to be looked at, the latest first
	budget resultBudget
}

const (
	noteSpan   = 5 * time.Minute
	mostUnseen = int((mostRetention+2*time.Hour)/time.Hour) + 1
)

// notes are how many rows of decisions this node wrote, by the five minutes of an hour.
type notes [time.Hour / noteSpan]struct {
	rows int64
	new  bool // some of them since the last count began
}

// note remembers the hours of writes, whether or not they win.
func (m *resultMemory) note(writes []engine.PersonWrite) {
	var here *notes
	var last resultHour
	var moment uuid.UUID
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range writes {
		for j := range writes[i].Traces {
			t := &writes[i].Traces[j]
			if j > 0 && t.MomentID == moment {
				continue
			}
			moment = t.MomentID
			into := t.At.Sub(last.hour)
			if into < 0 || into >= time.Hour || last.brand != writes[i].Key.BrandID {
				last = resultHour{writes[i].Key.BrandID, t.At.UTC().Truncate(time.Hour)}
				here, into = m.of(last), t.At.Sub(last.hour)
			}
			five := &here[into/noteSpan]
			five.rows, five.new = five.rows+1, true
		}
	}
}

func (m *resultMemory) of(h resultHour) *notes {
	n := m.hours[h]
	if n == nil {
		if m.hours == nil {
			m.hours = map[resultHour]*notes{}
		}
		n = &notes{}
		m.hours[h] = n
	}
	return n
}

// written tells of the slices that are due which of them have decisions of this node that no count has seen, and takes
// the next count for one that sees them. That is to save time: one that they were not committed for finds them by their
// marks later.
func (m *resultMemory) written(h *openHour) []bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.hours[h.resultHour]
	if n == nil {
		return nil
	}
	written := make([]bool, len(h.slices))
	per := int(h.span / noteSpan)
	for _, i := range h.due {
		for five := i * per; five < (i+1)*per; five++ {
			written[i], n[five].new = written[i] || n[five].new, false
		}
	}
	return written
}

func (m *resultMemory) forget(h resultHour) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.hours, h)
}

// noted are the hours in mind, as nobody has counted them yet.
func (m *resultMemory) noted() map[resultHour]*openHour {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make(map[resultHour]*openHour, len(m.hours))
	for h, n := range m.hours {
		all[h] = &openHour{resultHour: h, noted: *n, hourState: newHourState(sliceSpan)}
	}
	return all
}

// unseen are the hours that may be open and were not looked at.
func (m *resultMemory) unseen(now time.Time) []time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.looked {
		m.looked = true
		for hour := now.UTC().Truncate(time.Hour); hour.Add(mostRetention + 2*time.Hour).After(now); hour = hour.Add(-time.Hour) {
			m.unread = append(m.unread, hour)
		}
	}
	return m.unread
}

// seen: an hour was looked at, and these brands decided something in it.
func (m *resultMemory) seen(hour time.Time, brands []uuid.UUID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	left := make([]time.Time, 0, len(m.unread))
	for _, u := range m.unread {
		if !u.Equal(hour) {
			left = append(left, u)
		}
	}
	m.unread = left
	for _, b := range brands {
		m.of(resultHour{b, hour})
	}
}

// lookBack looks at up to n hours for decisions that a node wrote and did not live to tell of, while there is time.
func (s *Store) lookBack(ctx context.Context, now time.Time, n int) error {
	hours := s.results.unseen(now)
	for _, hour := range hours[:min(n, len(hours))] {
		if !s.results.budget.begin(0) {
			return nil
		}
		begun := time.Now()
		err := s.look(ctx, now, hour)
		s.results.budget.spent(time.Since(begun), 0)
		if err != nil {
			return err
		}
	}
	return nil
}

// look looks at an hour, once.
func (s *Store) look(ctx context.Context, now, hour time.Time) error {
	unread := false
	for _, u := range s.results.unseen(now) {
		unread = unread || u.Equal(hour)
	}
	if !unread {
		return nil
	}
	var brands []uuid.UUID
	err := s.counting(ctx, "200ms", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT DISTINCT t.brand_id FROM trace t WHERE t.at >= $1 AND t.at < $2`, hour, hour.Add(time.Hour))
		if err != nil {
			return err
		}
		brands, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		return err
	})
	if err == nil {
		s.results.seen(hour, brands)
	}
	return err
}
