package postgres

import (
	"sync"
	"time"
)

// houseMemory is what a node remembers between rounds of house-keeping, to do no work twice. Losing it costs time and
// nothing else.
type houseMemory struct {
	mu       sync.Mutex
	rows     map[string]foldedRows // by partition
	cursors  map[string]int64      // by table: the block where the next sweep begins
	largeFor int64                 // 0: largeBlocks; tests lower it
}

// foldedRows says of how many brands a partition's rows were folded, and when.
type foldedRows struct {
	brands int
	at     time.Time
}

// lookAgainAfter is when a partition whose due rows were folded is looked through once more: what a person's erasure
// held back may be there still.
const lookAgainAfter = time.Hour

func (m *houseMemory) isFolded(partition string, brands int, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.rows[partition]
	return ok && f.brands == brands && now.Sub(f.at) < lookAgainAfter && !now.Before(f.at)
}

func (m *houseMemory) setFolded(partition string, brands int, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rows == nil {
		m.rows = map[string]foldedRows{}
	}
	for name, f := range m.rows {
		if now.Sub(f.at) > mostRetention {
			delete(m.rows, name)
		}
	}
	m.rows[partition] = foldedRows{brands, now}
}

func (m *houseMemory) large() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.largeFor > 0 {
		return m.largeFor
	}
	return largeBlocks
}

// cursor is where a sweep of a table begins, and puts it steps further.
func (m *houseMemory) cursor(table string, steps, blocks int64) (from int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cursors == nil {
		m.cursors = map[string]int64{}
	}
	from = m.cursors[table]
	if from >= blocks {
		from = 0
	}
	m.cursors[table] = from + steps
	return from
}
