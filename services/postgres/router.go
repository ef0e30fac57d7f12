package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"
)

// On a distributed database (see doc.go) a person's rows stand together on one shard, and a statement that names the
// person is a router statement: it goes to that shard whole. What plain PostgreSQL does for many people in one
// statement is done there as many units, each a statement or a transaction about one person, sent together without
// waiting for answers in between.
const (
	unitsAtOnce   = 64 // what is sent before the answers are read
	routedStreams = 8  // connections that share one call's units
)

// statement is a text and its parameters, in binary.
type statement struct {
	sql    string
	values [][]byte
	oids   []uint32
}

// unit is statements that are committed together. One statement commits by itself.
type unit []statement

// outcome is what became of a unit.
type outcome struct {
	affected []int64    // by statement, as far as it came
	rows     [][][]byte // what the last statement that ran returned
	failed   int        // the statement that failed; meaningless without err
	err      error      // the server's; the unit was rolled back
}

// gateFails is the code of the error by which a gate ends a transaction (division by zero).
const gateFails = "22012"

func (o *outcome) stoppedAt(i int, code string) bool {
	var pg *pgconn.PgError
	return o.failed == i && errors.As(o.err, &pg) && pg.Code == code
}

// runUnits runs units on several connections; their order is not kept. An error is a connection's: what became of some
// units is unknown then.
func (s *Store) runUnits(ctx context.Context, units []unit) ([]outcome, error) {
	outcomes := make([]outcome, len(units))
	streams := max(1, min(routedStreams, s.options.MaxConns/2, (len(units)+3)/4))
	group, ctx := errgroup.WithContext(ctx)
	for i := range streams {
		from, to := i*len(units)/streams, (i+1)*len(units)/streams
		group.Go(func() error { return s.runStream(ctx, units[from:to], outcomes[from:to]) })
	}
	return outcomes, group.Wait()
}

func (s *Store) runStream(ctx context.Context, units []unit, outcomes []outcome) error {
	if len(units) == 0 {
		return nil
	}
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	for len(units) > 0 {
		n := min(len(units), unitsAtOnce)
		if err := s.runPipeline(ctx, conn, units[:n], outcomes[:n]); err != nil {
			return err
		}
		units, outcomes = units[n:], outcomes[n:]
	}
	return nil
}

// runPipeline sends units and then reads their answers. After a transaction's statements comes a point of
// synchronisation, and only then its COMMIT: where a statement failed, the COMMIT of the aborted transaction is a
// ROLLBACK, and the next unit finds the connection clean.
func (s *Store) runPipeline(ctx context.Context, conn *pgxpool.Conn, units []unit, outcomes []outcome) (err error) {
	p := conn.Conn().PgConn().StartPipeline(ctx)
	defer func() {
		if closed := p.Close(); err == nil && !isServers(closed) {
			err = closed
		}
	}()
	for _, u := range units {
		if len(u) > 1 {
			s.send(p, statement{sql: "BEGIN"})
		}
		for _, st := range u {
			s.send(p, st)
		}
		p.SendPipelineSync()
		if len(u) > 1 {
			s.send(p, statement{sql: "COMMIT"})
			p.SendPipelineSync()
		}
	}
	if err := p.Flush(); err != nil {
		return err
	}
	for i, u := range units {
		if outcomes[i], err = readUnit(p, u); err != nil {
			return err
		}
	}
	return nil
}

var binaryOnly = []int16{1}

func (s *Store) send(p *pgconn.Pipeline, st statement) {
	if s.options.OnStatement != nil {
		s.options.OnStatement(st.sql)
	}
	p.SendQueryParams(st.sql, st.values, st.oids, binaryOnly, binaryOnly)
}

func isServers(err error) bool {
	var pg *pgconn.PgError
	return err == nil || errors.As(err, &pg)
}

// readUnit reads the answers of one unit, up to its last point of synchronisation.
func readUnit(p *pgconn.Pipeline, u unit) (o outcome, err error) {
	if len(u) > 1 {
		if _, o.err, err = readAnswer(p); err != nil {
			return o, err
		}
	}
	for i := 0; i < len(u) && o.err == nil; i++ {
		var result *pgconn.Result
		if result, o.err, err = readAnswer(p); err != nil {
			return o, err
		}
		o.failed = i
		if o.err == nil {
			o.affected, o.rows = append(o.affected, result.CommandTag.RowsAffected()), result.Rows
		}
	}
	if err := readSync(p); err != nil || len(u) == 1 {
		return o, err
	}
	result, fault, err := readAnswer(p)
	switch {
	case err != nil:
		return o, err
	case o.err != nil: // it was rolled back
	case fault != nil:
		o.failed, o.err = len(u), fault
	case result.CommandTag.String() != "COMMIT":
		o.failed, o.err = len(u), fmt.Errorf("the database answered %q to COMMIT", result.CommandTag)
	}
	return o, readSync(p)
}

// readAnswer reads one statement's answer: its result, or the server's error; err is a connection's.
func readAnswer(p *pgconn.Pipeline) (result *pgconn.Result, fault, err error) {
	next, err := p.GetResults()
	if err != nil {
		if isServers(err) {
			return nil, err, nil
		}
		return nil, nil, err
	}
	reader, ok := next.(*pgconn.ResultReader)
	if !ok {
		return nil, nil, fmt.Errorf("a pipeline answered %T instead of a result", next)
	}
	result = reader.Read()
	if result.Err != nil && !isServers(result.Err) {
		return nil, nil, result.Err
	}
	return result, result.Err, nil
}

func readSync(p *pgconn.Pipeline) error {
	next, err := p.GetResults()
	if err != nil {
		return err
	}
	if _, ok := next.(*pgconn.PipelineSync); !ok {
		return fmt.Errorf("a pipeline answered %T instead of a point of synchronisation", next)
	}
	return nil
}

// firstFault is the first error of units, which the caller expected to succeed.
func firstFault(outcomes []outcome) error {
	for i := range outcomes {
		if outcomes[i].err != nil {
			return outcomes[i].err
		}
	}
	return nil
}

// statementTracer tells of the statements that do not go through a pipeline.
type statementTracer struct{ tell func(sql string) }

func (t statementTracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	t.tell(q.SQL)
	return ctx
}

func (statementTracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart, TraceBatchQuery and TraceBatchEnd tell of those that go out together.
func (t statementTracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, b pgx.TraceBatchStartData) context.Context {
	for _, q := range b.Batch.QueuedQueries {
		t.tell(q.SQL)
	}
	return ctx
}

func (statementTracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (statementTracer) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}
