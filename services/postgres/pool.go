package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/engine"
)

// Options of a Store. The zero value is good for one node beside its database.
type Options struct {
	MaxConns         int           // 0: 16
	ApplicationName  string        // as the database shows the connections; "": wantgo
	StatementTimeout time.Duration // T of the leases: no statement lasts longer. 0: 10 s
	// Pooled says that a transaction pooler stands between: nothing is prepared, nothing set for a session. The
	// statement timeout must then be a setting of the role or the database.
	Pooled bool
	// Routed says that people are written one by one, by statements that name their person, whatever database this is.
	// Without it a distributed database is noticed and gets them so.
	Routed bool
	// OnEpoch is told the epoch (see Store.Epoch) of every new connection, by the goroutine that opened it.
	OnEpoch func(epoch string)
	// OnStatement is told the text of every statement, never its parameters, before it is sent: for tests.
	OnStatement func(sql string)
	Log         *slog.Logger // nil: nothing is said
}

// What becomes of a statement whose caller's context ends. By itself pgx closes the connection: after every stall of the
// database all callers that gave up would have cost one, and the new ones, each a process and a proof of the password
// to the database, would come on top of what it has to catch up with. So the statement is given a moment to end by
// itself, then the database is asked to cancel it, and only a database that does not do so loses the connection.
const (
	cancelAfter = 100 * time.Millisecond
	closeAfter  = 2 * time.Second
)

// Store is every storage contract on one pool of connections.
type Store struct {
	pool    *pgxpool.Pool
	options Options
	log     *slog.Logger
	house   houseMemory
	results resultMemory
	// routed: statements about people name one person each (see router.go). distributed: they must, because the person
	// table is a distributed one.
	routed, distributed bool
	cluster             clusterMemory
}

var (
	_ engine.People    = (*Store)(nil)
	_ engine.Directory = (*Store)(nil)
	_ engine.Catalogue = (*Store)(nil)
	_ engine.Stock     = (*Store)(nil)
	_ engine.Ground    = (*Store)(nil)
	_ pusher.Outbox    = (*Store)(nil)
)

// Open connects and refuses a schema that is newer or older than this program knows ([ErrNewerSchema],
// [ErrOlderSchema]).
func Open(ctx context.Context, url string, options Options) (*Store, error) {
	s, err := open(ctx, url, options)
	if err != nil {
		return nil, err
	}
	if err := s.checkSchema(ctx); err != nil {
		s.Close()
		return nil, err
	}
	distributed, err := isDistributed(ctx, s.pool)
	if err != nil {
		s.Close()
		return nil, hideURL(err)
	}
	if !distributed {
		return s, nil
	}
	s.Close()
	s.distributed, s.routed = true, true
	s.log.Info("the database is distributed: people are written one by one on their shards")
	return s, s.connect(ctx, url)
}

func open(ctx context.Context, url string, options Options) (*Store, error) {
	if options.MaxConns == 0 {
		options.MaxConns = 16
	}
	if options.ApplicationName == "" {
		options.ApplicationName = "wantgo"
	}
	if options.StatementTimeout == 0 {
		options.StatementTimeout = 10 * time.Second
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	s := &Store{options: options, log: options.Log, routed: options.Routed}
	if err := s.connect(ctx, url); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Store) connect(ctx context.Context, url string) error {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return hideURL(err)
	}
	s.configure(config)
	s.pool, err = pgxpool.NewWithConfig(ctx, config)
	return hideURL(err)
}

func (s *Store) configure(config *pgxpool.Config) {
	o := s.options
	config.MaxConns = int32(o.MaxConns)
	config.MaxConnIdleTime = 10 * time.Minute
	config.MaxConnLifetime = time.Hour
	config.MaxConnLifetimeJitter = 10 * time.Minute
	config.ConnConfig.ConnectTimeout = 10 * time.Second
	config.ConnConfig.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, CancelRequestDelay: cancelAfter, DeadlineDelay: closeAfter}
	}
	params := config.ConnConfig.RuntimeParams
	if o.Pooled {
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	} else {
		params["application_name"] = o.ApplicationName
		params["statement_timeout"] = strconv.FormatInt(o.StatementTimeout.Milliseconds(), 10)
		params["idle_in_transaction_session_timeout"] = strconv.FormatInt(2*o.StatementTimeout.Milliseconds(), 10)
		params["timezone"] = "UTC"
		// All statements touch few rows by key; a plan made while tables are small must not read them whole later.
		// A distributed database plans with the values, to see which shard they are on; its workers have settings of
		// their own.
		if !s.distributed {
			params["plan_cache_mode"] = "force_generic_plan"
		}
		params["enable_seqscan"] = "off"
		params["jit"] = "off"
	}
	config.AfterConnect = s.greet
	if o.OnStatement != nil {
		config.ConnConfig.Tracer = statementTracer{o.OnStatement}
	}
}

func (s *Store) greet(ctx context.Context, conn *pgx.Conn) error {
	registerTypes(conn.TypeMap())
	if s.options.OnEpoch == nil {
		return nil
	}
	epoch, err := s.readEpoch(ctx, conn)
	if err != nil {
		return err
	}
	s.options.OnEpoch(epoch)
	return nil
}

// Close waits for what runs and closes the connections.
func (s *Store) Close() { s.pool.Close() }

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.pool.Ping(ctx) }

// Connections tells how many connections are busy, open and allowed.
func (s *Store) Connections() (busy, open, most int) {
	stat := s.pool.Stat()
	return int(stat.AcquiredConns()), int(stat.TotalConns()), int(stat.MaxConns())
}

// WaitReady returns when a database answers, or with the last error when ctx ends. A refused password or a missing
// database is not waited for.
func WaitReady(ctx context.Context, url string) error {
	for {
		err := answersAt(ctx, url)
		if err == nil || isRefusal(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the database does not answer: %w", errors.Join(err, ctx.Err()))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func answersAt(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := connect(ctx, url)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}
