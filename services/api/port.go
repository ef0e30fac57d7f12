package api

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/wantgo/wantgo/services/api/split"
)

// Port answers everything on one listener: gRPC's own connections by grpc-go's own transport, which costs less a
// call, all others by Handler.
type Port struct {
	split   *split.Splitter
	http    *http.Server
	grpc    *grpc.Server
	serving atomic.Bool
	served  chan struct{} // Serve has returned
}

// Port makes the port of a listener, which may speak TLS. A Server has one: Shutdown ends its gRPC.
func (s *Server) Port(l net.Listener) *Port {
	p := &Port{split: split.New(l, split.Settings{Streams: s.streams}), http: s.HTTPServer(), grpc: s.grpc, served: make(chan struct{})}
	p.http.ErrorLog = slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)
	s.metrics.port.Store(p.split)
	return p
}

// Serve answers until Shutdown, or until the listener fails.
func (p *Port) Serve() error {
	p.serving.Store(true)
	defer close(p.served)
	var all errgroup.Group
	for _, serve := range []func() error{
		p.split.Serve,
		func() error { return p.http.Serve(p.split.HTTP()) },
		func() error { return p.grpc.Serve(p.split.GRPC()) },
	} {
		all.Go(func() error {
			err := serve()
			if errors.Is(err, net.ErrClosed) || errors.Is(err, http.ErrServerClosed) || errors.Is(err, grpc.ErrServerStopped) {
				return nil
			}
			return err
		})
	}
	return all.Wait()
}

// Shutdown takes no more connections and calls, lets those under way end until ctx does, and cuts the rest: streams have
// no end of their own.
func (p *Port) Shutdown(ctx context.Context) {
	_ = p.split.Close()
	if p.serving.Load() { // grpc-go's Serve would else wait for the calls under way
		select {
		case <-p.served:
		case <-ctx.Done():
		}
	}
	var both errgroup.Group
	both.Go(func() error {
		if p.http.Shutdown(ctx) != nil {
			return p.http.Close()
		}
		return nil
	})
	both.Go(func() error {
		stop := context.AfterFunc(ctx, p.grpc.Stop)
		defer stop()
		p.grpc.GracefulStop()
		return nil
	})
	_ = both.Wait()
}
