package postgres

import (
	"context"
	"fmt"

	"github.com/wantgo/wantgo/services/engine"
)

// commitRouted is [Store.Commit] on a distributed database: a transaction a person on the person's shard. A person who
// comes twice in one call can win only the first time. Other than there, a fault that one write's own content makes
// fails that write alone; the error says so for the whole call, and [Store.Committed] tells what was written.
func (s *Store) commitRouted(ctx context.Context, writes []engine.PersonWrite) ([]bool, error) {
	committed := make([]bool, len(writes))
	units := make([]unit, 0, len(writes))
	of := make([]int, 0, len(writes))
	seen := make(map[engine.PersonKey]struct{}, len(writes))
	for i := range writes {
		if _, again := seen[writes[i].Key]; again {
			continue
		}
		seen[writes[i].Key] = struct{}{}
		u, err := routedWrite(&writes[i])
		if err != nil {
			return nil, fmt.Errorf("commit: %w", err)
		}
		units, of = append(units, u), append(of, i)
	}
	outcomes, err := s.runUnits(ctx, units)
	if err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	for n := range outcomes {
		o := &outcomes[n]
		won := len(o.affected) > 0 && o.affected[0] == 1
		switch {
		case o.stoppedAt(1, gateFails):
		case o.err != nil:
			return nil, fmt.Errorf("commit: %w", o.err)
		default:
			committed[of[n]] = won
		}
	}
	return committed, nil
}

// routedWrite is one person's compare-and-set and, behind a gate that only the winner passes, the facts. The gate is a
// statement that fails where the row does not carry this write: so the whole transaction goes out at once, and nobody
// waits for the first answer before sending the rest.
func routedWrite(w *engine.PersonWrite) (unit, error) {
	facts, err := routedFacts(w)
	if err != nil {
		return nil, err
	}
	u := unit{routedSet(w)}
	if len(facts) == 0 {
		return u, nil
	}
	gate := about(w.Key.PersonID, w.Key.BrandID)
	gate.sql.WriteString(`SELECT 1 / count(*) FROM person WHERE person_id = $1 AND brand_id = $2 AND version = ` +
		gate.int8(w.Version+1) + ` AND write_id = ` + gate.uuid(w.WriteID))
	return append(append(u, gate.end("")), facts...), nil
}

func routedSet(w *engine.PersonWrite) statement {
	b := about(w.Key.PersonID, w.Key.BrandID)
	at, due := b.timeOrNull(w.At), b.timeOrNull(w.DueAt)
	b.sql.WriteString(`UPDATE person SET version = version + 1, write_id = ` + b.uuid(w.WriteID) + `, status = ` + b.int2(int16(w.Status)) +
		`, successor_id = ` + b.uuidOrNull(w.SuccessorID) + `, min_writer = ` + b.int4(w.MinWriter) + `, state = ` + b.blob(w.State) +
		`, due_at = CASE WHEN due_at > ` + at + ` AND due_at < ` + due + ` THEN due_at ELSE ` + due + ` END
		WHERE person_id = $1 AND brand_id = $2 AND version = ` + b.int8(w.Version) + ` AND status <> 3`)
	if !w.LeasedUntil.IsZero() {
		b.sql.WriteString(` AND statement_timestamp() < ` + b.timeOrNull(w.LeasedUntil))
	}
	return b.end("")
}
