package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/emulator"
	"github.com/wantgo/wantgo/services/api"
	"github.com/wantgo/wantgo/services/app/node"
	"github.com/wantgo/wantgo/services/postgres"
)

const (
	// usualListen is where the API answers if nobody says otherwise and the port is free.
	usualListen = "127.0.0.1:8080"
	stopTime    = 30 * time.Second
)

// stage is everything of the demo that is not a person: the database server, the node, and the emulators.
type stage struct {
	ground    *ground
	emulators *emulator.Emulators
	server    *postgres.Server
	node      *node.Node
	ledger    *ledger
	appKey    string
	apiKey    string
	stop      context.CancelFunc
	ended     chan error // the node's
}

// openStage starts everything but the node's own running. On an error nothing is left running.
func openStage(ctx context.Context, c *Command, observer pusher.Observer, log *slog.Logger) (s *stage, err error) {
	s = &stage{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.ground, err = takeGround(ctx, c.DataDir, c.Keep, log); err != nil {
		return s, err
	}
	if s.emulators, err = emulator.Start(emulator.Config{Dir: s.ground.path("emulators")}); err != nil {
		return s, err
	}
	if err = s.bury(); err != nil {
		return s, err
	}
	// The server is the demo's own and not the node's: it is still there to be counted in when the node has stopped.
	s.server, err = postgres.Start(ctx, postgres.ServerConfig{DataDir: s.ground.dir, Log: log, Tied: c.tied})
	if err != nil {
		return s, err
	}
	a := s.emulators.Addresses
	s.node, err = node.Open(ctx, node.Config{
		DataDir: s.ground.dir, DatabaseURL: s.server.URL(), Listen: c.listen(), InternalListen: c.InternalListen,
		Dispatch: true, Push: node.Providers{FCMEndpoint: a.FCMEndpoint, APNsEndpoint: a.APNsEndpoint, APNsCA: a.CA},
		Observer: observer, AllowUnsignedIdentity: true, Grace: 15 * time.Second, Log: log,
		Limits: api.Limits{App: api.Rate{PerSecond: -1}}, // everybody installs the app in the same second
	})
	if err != nil {
		return s, err
	}
	s.ledger, err = openLedger(ctx, s.server.URL(), s.node.Engine().Now())
	return s, err
}

// listen is where the API shall answer.
func (c *Command) listen() string {
	if c.Listen != "" {
		return c.Listen
	}
	l, err := net.Listen("tcp", usualListen)
	if err != nil {
		return "127.0.0.1:0"
	}
	_ = l.Close()
	return usualListen
}

// run lets the node work.
func (s *stage) run() {
	ctx, stop := context.WithCancel(context.Background())
	s.stop, s.ended = stop, make(chan error, 1)
	go func() { s.ended <- s.node.Run(ctx) }()
}

// dial opens connections to the public API, as phones have them.
func (s *stage) dial(n int) (conns []grpc.ClientConnInterface, hangUp func(), err error) {
	var open []*grpc.ClientConn
	hangUp = func() {
		for _, c := range open {
			_ = c.Close()
		}
	}
	for range n {
		conn, err := grpc.NewClient(s.node.Address(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			hangUp()
			return nil, nil, fmt.Errorf("connect: %w", err)
		}
		open, conns = append(open, conn), append(conns, conn)
	}
	return conns, hangUp, nil
}

// accepted is what the emulators took, as numbers of different notifications.
func (s *stage) accepted() map[string]int {
	return map[string]int{
		string(pusher.FCM):  s.emulators.FCM.Counts().DistinctNotifications,
		string(pusher.APNs): s.emulators.APNs.Counts().DistinctNotifications,
	}
}

// settle waits until every delivery that may be attempted has ended, a few seconds at most.
func (s *stage) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		f, err := s.ledger.read(ctx)
		if err == nil && f.Waiting == 0 || ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return nil
		case err := <-s.ended:
			s.ended <- err
			return nil
		}
	}
}

// stopNode ends the node; what it acknowledged is finished.
func (s *stage) stopNode() error {
	if s.stop == nil {
		return nil
	}
	s.stop()
	s.stop = nil
	err := <-s.ended
	if errors.Is(err, net.ErrClosed) { // a listener that the node closed before its server
		return nil
	}
	return err
}

// close ends everything that was started.
func (s *stage) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	faults := []error{s.stopNode()}
	if s.node != nil {
		faults = append(faults, s.node.Close(ctx))
	}
	if s.ledger != nil {
		s.ledger.close()
	}
	if s.server != nil {
		faults = append(faults, s.server.Stop(ctx))
	}
	if s.emulators != nil {
		faults = append(faults, s.emulators.Close())
	}
	if s.ground != nil {
		s.ground.leave()
	}
	return errors.Join(faults...)
}
