package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// errClosed: the hour is closed.
var errClosed = errors.New("the hour is closed")

// hourState is what is known of an hour's slices.
type hourState struct {
	span   time.Duration
	slices []sliceState
}

// sliceState is how a slice was when it was counted last.
type sliceState struct {
	counted time.Time // zero: never
	traces  int64     // rows of trace
	mark    int64     // the sum of the hashes of their ids
}

// unread is a number of rows that no slice has: its decisions are read whatever there is.
const unread = -1

func newHourState(span time.Duration) hourState {
	st := hourState{span, make([]sliceState, time.Hour/span)}
	for i := range st.slices {
		st.slices[i].traces = unread
	}
	return st
}

// hourRow is a row of result_hour.
type hourRow struct {
	counted       time.Time
	closed        bool
	span          int32
	sliced        timeOrZero
	at            []time.Time
	traces, marks []int64
}

const hourColumns = `h.counted_at, h.closed, h.span, h.sliced_at, h.slice_counted, h.slice_traces, h.slice_marks`

func (r *hourRow) columns() []any {
	return []any{&r.counted, &r.closed, &r.span, &r.sliced, &r.at, &r.traces, &r.marks}
}

// state reads a row. Where a program that knows whole hours counted last, that was its only slice, or it put all into
// the first.
func (r *hourRow) state() hourState {
	span := time.Duration(r.span) * time.Second
	if span < noteSpan || time.Hour%span != 0 {
		span = time.Hour
	}
	st := newHourState(span)
	n := len(st.slices)
	if len(r.at) == n && len(r.traces) == n && len(r.marks) == n {
		for i := range st.slices {
			st.slices[i] = sliceState{r.at[i].UTC(), r.traces[i], r.marks[i]}
		}
	}
	switch {
	case r.sliced.Equal(r.counted):
	case n == 1:
		st.slices[0].counted = r.counted.UTC()
	default:
		st.slices[0] = sliceState{traces: unread}
	}
	return st
}

// openHour is an hour that may be counted.
type openHour struct {
	resultHour
	hourState
	noted  notes
	due    []int   // slices
	waited float64 // the longest that one of them waited, in the times that it should
	size   int64   // rows to read
}

// plan finds what is due.
func (h *openHour) plan(now time.Time) {
	h.due, h.waited = h.hourState.due(h.hour, now)
	h.size = 0
	for _, i := range h.due {
		h.size += max(0, h.slices[i].traces, h.notedIn(i))
	}
}

// notedIn is how many rows this node wrote into a slice.
func (h *openHour) notedIn(i int) (n int64) {
	per := int(h.span / noteSpan)
	for _, five := range h.noted[i*per : (i+1)*per] {
		n += five.rows
	}
	return n
}

// due are the slices that are due, and how long the longest of them waited, in the times that it should.
func (st *hourState) due(hour, now time.Time) (due []int, waited float64) {
	together := now.Sub(hour) >= countTogether
	for i := range st.slices {
		begin := hour.Add(time.Duration(i) * st.span)
		age := now.Sub(begin)
		if age < recountLeast {
			continue
		}
		since, period := age, recountLeast
		if counted := st.slices[i].counted; !counted.IsZero() {
			if together {
				age = now.Sub(hour)
			}
			since, period = now.Sub(counted), max(recountLeast, age/recountShare)
		}
		if since >= period {
			due, waited = append(due, i), max(waited, float64(since)/float64(period))
		}
	}
	if together && len(due) > 0 {
		due = due[:0]
		for i := range st.slices {
			due = append(due, i)
		}
	}
	return due, waited
}

// lockHour takes an hour for this transaction.
func lockHour(ctx context.Context, tx pgx.Tx, h resultHour, now time.Time) (hourState, error) {
	var row hourRow
	read := func() error {
		return tx.QueryRow(ctx, `SELECT `+hourColumns+` FROM result_hour h WHERE h.brand_id = $1 AND h.hour = $2 FOR UPDATE`, h.brand, h.hour).Scan(row.columns()...)
	}
	err := read()
	if errors.Is(err, pgx.ErrNoRows) {
		if _, err = tx.Exec(ctx, `INSERT INTO result_hour (brand_id, hour, counted_at, closed, span) VALUES ($1, $2, $3, false, $4)
			ON CONFLICT (brand_id, hour) DO NOTHING`, h.brand, h.hour, now, int32(sliceSpan/time.Second)); err == nil {
			err = read()
		}
	}
	if err != nil {
		return hourState{}, err
	}
	if row.closed {
		return hourState{}, errClosed
	}
	return row.state(), nil
}
