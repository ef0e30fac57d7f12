package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/wantgo/wantgo/services/api"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/seal"
	"github.com/wantgo/wantgo/services/webhook"
)

// Node is one assembled node. Its engine and API are ready for use when Open returns.
type Node struct {
	config   Config
	checked  checked
	log      *slog.Logger
	server   *postgres.Server // nil: a given database
	url      string
	store    *postgres.Store
	senders  *senders
	webhooks *webhook.Dispatcher
	engine   *engine.Engine
	api      *api.Server
	registry *prometheus.Registry
	tables   *tables
	traces   *traces
	public   net.Listener
	internal net.Listener
	running  bool // the listeners belong to Run
	// following is the engine as connections know it, which are opened while it is made.
	following atomic.Pointer[engine.Engine]
	closed    bool
}

// Open assembles a node: it starts or joins the database, migrates it, reads or makes the root secret, and binds the
// listeners, so that addresses are known; they answer once Run is called. On an error nothing is left running.
func Open(ctx context.Context, c Config) (_ *Node, err error) {
	n := &Node{config: c, log: c.Log}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	if n.config.Grace == 0 {
		n.config.Grace = defaultGrace
	}
	if n.checked, err = n.config.check(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.config.Grace)
			defer cancel()
			err = errors.Join(err, n.Close(bounded))
		}
	}()
	for _, step := range []func(context.Context) error{n.openDatabase, n.openEngine, n.openAPI, n.listen} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func (n *Node) openDatabase(ctx context.Context) (err error) {
	n.url = n.config.DatabaseURL
	if n.url == "" {
		n.server, err = postgres.Start(ctx, postgres.ServerConfig{DataDir: n.config.DataDir, Log: n.log, Tied: n.config.Tied})
		if err != nil {
			return err
		}
		n.url = n.server.URL()
	}
	if !n.config.NoMigrate {
		steps, err := postgres.Migrate(ctx, n.url)
		if err != nil {
			return err
		}
		for _, step := range steps {
			n.log.Info("schema migrated", "version", step.Version, "step", step.Name)
		}
	}
	n.store, err = postgres.Open(ctx, n.url, postgres.Options{
		MaxConns: n.config.Connections, Pooled: n.config.Pooled, Log: n.log, OnEpoch: n.noteEpoch})
	return err
}

// noteEpoch tells the engine the history that a new connection found, once there is an engine.
func (n *Node) noteEpoch(epoch string) {
	if e := n.following.Load(); e != nil {
		e.NoteEpoch(epoch)
	}
}

// root reads the root secret from where the configuration says, or makes one.
func (n *Node) root() (seal.Root, error) {
	switch {
	case n.config.Secret != "":
		return seal.ParseRoot(n.config.Secret)
	case n.config.SecretFile != "":
		return seal.ReadRoot(n.config.SecretFile)
	}
	if err := os.MkdirAll(n.config.DataDir, 0o700); err != nil {
		return seal.Root{}, err
	}
	root, created, err := seal.OpenRoot(n.config.secretFile())
	if created {
		n.log.Info("root secret made: keep a copy of it, sealed credentials cannot be read without", "file", n.config.secretFile())
	}
	return root, err
}

func (n *Node) openEngine(ctx context.Context) error {
	root, err := n.root()
	if err != nil {
		return err
	}
	keeper, err := seal.New(root)
	if err != nil {
		return err
	}
	if n.config.Clock == nil {
		n.config.Clock = engine.NewNodeClock()
	}
	n.registry = prometheus.NewRegistry()
	n.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector())
	n.tables = newTables()
	n.registry.MustRegister(n.tables)
	n.watchConnections()
	config := engine.Config{
		Storage: n.store, Requests: n.store.Requests(), Keeper: keeper, Clock: n.config.Clock, Observer: n.config.Observer,
		People: n.config.People, AllowUnsignedIdentity: n.config.AllowUnsignedIdentity, Registry: n.registry, Log: n.log,
	}
	if n.config.Dispatch {
		n.senders = newSenders(n.config.Push, n.checked.roots, n.config.Clock.Now, n.log)
		n.senders.share(sealedTokens{n.store, keeper}, n.store)
		config.Senders, config.Pace = n.senders, n.config.Push.Pace
	}
	if n.engine, err = engine.New(ctx, config); err != nil {
		return err
	}
	n.following.Store(n.engine)
	if n.senders != nil {
		n.senders.follow(n.engine)
	}
	return nil
}

func (n *Node) watchConnections() {
	gauge := func(name, help string, value func(busy, open, most int) int) {
		n.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "wantgo", Name: name, Help: help},
			func() float64 { return float64(value(n.store.Connections())) }))
	}
	gauge("database_connections_busy", "Database connections in use.", func(busy, _, _ int) int { return busy })
	gauge("database_connections_open", "Database connections open.", func(_, open, _ int) int { return open })
	gauge("database_connections_most", "Database connections allowed.", func(_, _, most int) int { return most })
}

func (n *Node) openAPI(ctx context.Context) (err error) {
	if n.traces, err = newTraces(ctx, n.config.OTLPEndpoint); err != nil {
		return err
	}
	n.webhooks = webhook.New(webhook.Config{Brands: n.engine, Storage: n.store.Letters(), Private: n.config.WebhookHosts, Registry: n.registry, Log: n.log})
	n.api, err = api.New(api.Config{
		Webhooks: n.webhooks,
		Engine:   n.engine, Log: n.log, Registry: n.registry, Limits: n.config.Limits,
		Admission: n.config.Admission, Streams: n.config.Streams, UnsignedIdentity: n.config.AllowUnsignedIdentity, Options: n.traces.options(),
		CredentialStates: n.store.CredentialStates, PushServices: n.config.Push.WebPushServices,
	})
	return err
}

// Engine is the node's engine.
func (n *Node) Engine() *engine.Engine { return n.engine }

// API is the node's public API, for callers within the process.
func (n *Node) API() *api.Server { return n.api }

// Registry holds the node's metrics.
func (n *Node) Registry() *prometheus.Registry { return n.registry }

// DatabaseURL is where the node's database is reached. It may hold a password.
func (n *Node) DatabaseURL() string { return n.url }

// Server is the embedded database server, or nil.
func (n *Node) Server() *postgres.Server { return n.server }

// Address is where the public API answers, as host:port; empty without a listener.
func (n *Node) Address() string { return addressOf(n.public) }

// InternalAddress is where metrics and health are read, as host:port; empty without a listener.
func (n *Node) InternalAddress() string { return addressOf(n.internal) }

func addressOf(l net.Listener) string {
	if l == nil {
		return ""
	}
	return l.Addr().String()
}

// Close ends a node that does not run (any more): attempts in flight end within ctx, the database is let go, and the
// embedded server stops when no other process uses it. A second Close does nothing.
func (n *Node) Close(ctx context.Context) error {
	if n.closed {
		return nil
	}
	n.closed = true
	var faults []error
	for _, l := range []net.Listener{n.public, n.internal} {
		if l != nil && !n.running {
			faults = append(faults, l.Close())
		}
	}
	if n.engine != nil {
		faults = append(faults, n.engine.Close(ctx))
	}
	if n.senders != nil {
		n.senders.close()
	}
	faults = append(faults, n.traces.close(ctx))
	if n.store != nil {
		n.store.Close()
	}
	if n.server != nil {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		faults = append(faults, n.server.Stop(bounded))
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	return nil
}
