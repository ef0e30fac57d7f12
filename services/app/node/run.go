package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/wantgo/wantgo/services/api/admit"
)

// Run lets the node work until ctx ends or something that it cannot do without fails, then stops it: not ready any
// more, nothing new is taken, calls under way are answered, attempts in flight end, the rest is given back. All of that
// takes at most the configured grace. Run closes the node.
func (n *Node) Run(ctx context.Context) error {
	n.running = true
	working, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	work, working := errgroup.WithContext(working)
	work.Go(func() error { return n.engine.Run(working) })
	if n.config.Dispatch {
		work.Go(func() error { return n.webhooks.Run(working) })
	}
	if n.server != nil {
		work.Go(func() error { return n.server.Keep(working) })
	}
	work.Go(func() error { return n.watchTables(working) })
	work.Go(func() error { return n.keepErasures(working) })

	serving, stopServing := context.WithCancel(ctx)
	defer stopServing()
	serve, serving := errgroup.WithContext(serving)
	public, internal := n.publicPort(serve), n.internalServer()
	n.answer(serve, n.internal, internal)
	n.api.SetReady(true)
	select {
	case <-serving.Done():
	case <-working.Done():
	}
	n.engine.Drain()
	n.api.SetReady(false)
	n.log.Info("stopping: what was acknowledged is finished", "grace", n.config.Grace.String())
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.config.Grace)
	defer cancel()
	public(grace, n.config.Grace/2)
	stopWork()
	err := errors.Join(within(grace, work.Wait), n.Close(grace))
	shutdown(grace, time.Second, internal)
	return errors.Join(serve.Wait(), err)
}

// within waits for a function at most as long as ctx allows.
func within(ctx context.Context, wait func() error) error {
	done := make(chan error, 1)
	go func() { done <- wait() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errors.New("background work did not end in time")
	}
}

// answer serves a listener, if there is one.
func (n *Node) answer(group *errgroup.Group, l net.Listener, server *http.Server) {
	if l == nil {
		return
	}
	group.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("listener %s: %w", l.Addr(), err)
		}
		return nil
	})
}

// shutdown lets requests under way end for at most patience and cuts the rest.
func shutdown(ctx context.Context, patience time.Duration, server *http.Server) {
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if server.Shutdown(bounded) != nil {
		_ = server.Close()
	}
}

func (n *Node) listen(ctx context.Context) (err error) {
	var lc net.ListenConfig
	if n.config.Listen != "" {
		if n.public, err = lc.Listen(ctx, "tcp", n.config.Listen); err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		n.public = n.bound(n.public)
		if n.checked.certificate != nil {
			n.public = tls.NewListener(n.public, &tls.Config{
				Certificates: []tls.Certificate{*n.checked.certificate}, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12,
			})
		}
	}
	if n.config.InternalListen != "" {
		if n.internal, err = lc.Listen(ctx, "tcp", n.config.InternalListen); err != nil {
			return fmt.Errorf("internal-listen: %w", err)
		}
	}
	return nil
}

// bound limits how many connections the public listener has.
func (n *Node) bound(l net.Listener) net.Listener {
	bounded := admit.NewListener(l, n.config.Clients)
	n.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "wantgo", Name: "client_connections_open",
			Help: "Connections to the public API."}, func() float64 { return float64(bounded.Open()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "wantgo", Name: "client_connections_refused_total",
			Help: "Connections closed at once because there were too many."}, func() float64 { return float64(bounded.Refused()) }))
	return bounded
}

// publicPort serves the public listener, if there is one, and returns how to stop it: what is under way ends within
// patience or is cut.
func (n *Node) publicPort(group *errgroup.Group) (stop func(ctx context.Context, patience time.Duration)) {
	if n.public == nil {
		return func(context.Context, time.Duration) {}
	}
	port := n.api.Port(n.public)
	group.Go(func() error {
		if err := port.Serve(); err != nil {
			return fmt.Errorf("listener %s: %w", n.public.Addr(), err)
		}
		return nil
	})
	return func(ctx context.Context, patience time.Duration) {
		bounded, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		port.Shutdown(bounded)
	}
}
