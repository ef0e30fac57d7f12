package postgres

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/engine"
)

// read counts slices, each by itself. Decisions are read where the rows are not the same as they were when live was
// counted: a late commit or an erasure shows in their number or in the sum of their hashes. What came of decisions is
// read from those that can have it.
func (c *sliceCount) read(ctx context.Context, due []int, live map[int]map[resultKey]float64) (map[int]map[resultKey]float64, error) {
	rows := &resultRows{found: map[group]float64{}, alike: map[string][]candidate{}}
	found := map[int]map[resultKey]float64{}
	for len(due) > 0 {
		n := 1
		for n < len(due) && due[n] == due[n-1]+1 {
			n++
		}
		if err := c.readRun(ctx, due[:n], live, found, rows); err != nil {
			return nil, err
		}
		due = due[n:]
	}
	return found, c.date(ctx, rows, found)
}

// readRun counts slices that follow one another.
func (c *sliceCount) readRun(ctx context.Context, run []int, live, found map[int]map[resultKey]float64, rows *resultRows) error {
	rows.notified = 0
	marks, err := c.marks(ctx, run, rows)
	if err != nil {
		return err
	}
	eligible := false
	for _, i := range run {
		was := &c.st.slices[i]
		found[i] = map[resultKey]float64{}
		now := marks[i]
		if now.traces == 0 && !c.isWritten(i) {
			was.traces, was.mark = 0, 0
			continue
		}
		if c.closing || c.isWritten(i) || now.traces != was.traces || now.mark != was.mark {
			if err := c.readDecided(ctx, i, max(was.traces, now.traces), rows); err != nil {
				return err
			}
			continue
		}
		for k, n := range live[i] {
			if isReason(k.measure) {
				found[i][k], eligible = n, eligible || reaches(k.measure)
			}
		}
	}
	for g := range rows.found {
		eligible = eligible || reaches(g.measure)
	}
	return c.readOutcomes(ctx, run, eligible, rows)
}

// isReason tells the measures that count decisions from those that count what came of them.
func isReason(measure string) bool {
	switch measure {
	case engine.MeasureShown, engine.MeasureOpened, engine.MeasureVisited, engine.MeasureWonVisited:
		return false
	}
	return !strings.HasPrefix(measure, engine.MeasureAccepted)
}

var ineligible = engine.Ineligible()

// reaches tells the reasons of decisions that reached the holdout gate.
func reaches(reason string) bool { return isReason(reason) && !slices.Contains(ineligible, reason) }

// isWritten: a slice is known to have new decisions.
func (c *sliceCount) isWritten(i int) bool { return c.written != nil && c.written[i] && !c.closing }

// marks reads how many rows the slices of a run have, unless that is known to have changed.
func (c *sliceCount) marks(ctx context.Context, run []int, rows *resultRows) (map[int]sliceState, error) {
	marks := make(map[int]sliceState, len(run))
	if !slices.ContainsFunc(run, func(i int) bool { return !c.isWritten(i) }) {
		return marks, nil
	}
	read, err := c.tx.Query(ctx, marksSQL, c.h.brand, c.begin(run[0]), c.begin(run[len(run)-1]+1))
	if err != nil {
		return nil, err
	}
	var five, traces, notified, mark int64
	_, err = pgx.ForEachRow(read, []any{&five, &traces, &notified, &mark}, func() error {
		i := c.index(time.Unix(five*300, 0))
		marks[i] = sliceState{traces: marks[i].traces + traces, mark: marks[i].mark + mark}
		rows.notified += notified
		return nil
	})
	return marks, err
}

// tracesAtOnce is how many rows of decisions one statement reads, so that what it keeps of them meanwhile stays in memory.
const tracesAtOnce = 500_000

// readDecided reads the decisions of a slice, of about so many rows, part by part.
func (c *sliceCount) readDecided(ctx context.Context, i int, size int64, rows *resultRows) error {
	parts := min(1+size/tracesAtOnce, int64(c.st.span/time.Second))
	st := &c.st.slices[i]
	st.traces, st.mark = 0, 0
	for n := range parts {
		from, to := c.begin(i).Add(c.st.span*time.Duration(n)/time.Duration(parts)), c.begin(i).Add(c.st.span*time.Duration(n+1)/time.Duration(parts))
		read, err := c.tx.Query(ctx, decidedSQL, c.about(from, to)...)
		if err != nil {
			return err
		}
		var g group
		var others *string
		var count, notified, mark int64
		_, err = pgx.ForEachRow(read, []any{&g.five, uuidOrZero{&g.campaign}, uuidOrZero{&g.store}, &g.arm, &g.measure, &others, &count, &notified, &mark}, func() error {
			st.traces, st.mark, rows.notified = st.traces+count, st.mark+mark, rows.notified+notified
			all, err := rows.unfold(candidate{g.campaign, g.measure, g.arm}, others)
			for _, d := range all {
				if d.Campaign != uuid.Nil {
					rows.found[group{g.five, d.Campaign, g.store, d.Arm, d.Reason}] += float64(count)
				}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// about are the parameters of the statements about a time.
func (c *sliceCount) about(from, to time.Time) []any {
	return []any{c.h.brand, from, to, firstID(from.Add(-momentSlack)), firstID(to.Add(momentSlack))}
}

// readOutcomes reads what came of the decisions of a run: where there are notifications, what was heard of them; where
// there are decisions that reached the holdout gate, and walls to enter, who entered them.
func (c *sliceCount) readOutcomes(ctx context.Context, run []int, eligible bool, rows *resultRows) error {
	from, to := c.begin(run[0]), c.begin(run[len(run)-1]+1)
	about := c.about(from, to)
	if rows.notified > 0 {
		for _, sql := range []string{acceptedSQL, heardSQL} {
			if err := rows.takeCounts(ctx, c.tx, sql, about); err != nil {
				return err
			}
		}
	}
	if eligible {
		if err := c.tx.QueryRow(ctx, wallsSQL, c.h.brand).Scan(&eligible); err != nil || !eligible {
			return err
		}
		window := min(engine.VisitWindow, c.kept)
		return rows.takeVisited(ctx, c.tx, append(about, window.Microseconds(), firstID(from.Add(-idSlack)), firstID(to.Add(window+time.Hour))))
	}
	return nil
}

// date gives what was found its days, and its slices.
func (c *sliceCount) date(ctx context.Context, rows *resultRows, found map[int]map[resultKey]float64) error {
	if len(rows.found) == 0 {
		return nil
	}
	zones, err := zonesOf(ctx, c.tx, c.h.brand, rows.stores())
	if err != nil {
		return err
	}
	for g, n := range rows.found {
		at := time.Unix(g.five*300, 0)
		key := resultKey{day: zones.day(g.store, at), campaign: g.campaign, store: g.store, arm: g.arm, measure: g.measure}
		found[c.index(at)][key] += n
	}
	return nil
}
