package api

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"buf.build/go/protovalidate"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // callers may compress
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/api/admit"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
)

// Config sets a Server up. Engine is needed; everything else has a default.
type Config struct {
	Engine   *engine.Engine
	Log      *slog.Logger
	Registry prometheus.Registerer
	Limits   Limits
	// Admission says which calls are taken when more come than the node can serve.
	Admission admit.Settings
	// Streams is how many calls may be under way on one connection; what is beyond waits at the caller's. Default 250.
	Streams int
	// TLS: the listener speaks TLS, so HTTP/2 needs no clear-text upgrade.
	TLS bool
	// UnsignedIdentity tells brands that IdentifyPerson takes JWTs without a signature; for the demo only. The engine has
	// its own switch.
	UnsignedIdentity bool
	// CredentialStates tells what providers last said of a brand's credentials; nil: nobody knows.
	CredentialStates func(ctx context.Context, brandID uuid.UUID) (map[uuid.UUID]brand.CredentialState, error)
	// PushServices are the hosts that a web push subscription may lead to; nil: the known ones.
	PushServices pusher.PushServices
	// Options go to grpc.NewServer, such as a stats handler for traces.
	Options []grpc.ServerOption
}

// Server is the public API of one node. Its methods are safe for concurrent use.
type Server struct {
	engine    *engine.Engine
	log       *slog.Logger
	validator protovalidate.Validator
	methods   map[string]*method
	limits    *limiter
	gate      *admit.Gate
	refusals  refusals
	held      atomic.Int64 // refusals held back
	streams   int
	metrics   *metrics
	grpc      *grpc.Server
	health    *health.Server
	unsigned  bool
	tls       bool
	web       *web

	credentialStates func(ctx context.Context, brandID uuid.UUID) (map[uuid.UUID]brand.CredentialState, error)
	pushServices     pusher.PushServices
}

// keepAlive drops connections of phones that went away and refuses peers that ping too often.
var keepAlive = keepalive.EnforcementPolicy{MinTime: minClientPing, PermitWithoutStream: true}

// New builds the server. Nothing listens yet: use Handler, or GRPC for a native listener, or both.
func New(c Config) (*Server, error) {
	s := &Server{engine: c.Engine, log: c.Log, unsigned: c.UnsignedIdentity, tls: c.TLS, health: health.NewServer()}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	s.credentialStates, s.pushServices = c.CredentialStates, c.PushServices
	if s.pushServices == nil {
		s.pushServices = pusher.KnownPushServices()
	}
	s.metrics = newMetrics(c.Registry)
	s.gate = admit.NewGate(c.Admission)
	c.Registry.MustRegister(s.gate)
	if s.streams = c.Streams; s.streams <= 0 {
		s.streams = defaultStreams
	}
	var err error
	if s.limits, err = newLimiter(c.Limits); err != nil {
		return nil, err
	}
	if s.methods, err = methods(); err != nil {
		return nil, err
	}
	if s.validator, err = protovalidate.New(); err != nil {
		return nil, fmt.Errorf("constraints of the contract: %w", err)
	}
	s.grpc = grpc.NewServer(append([]grpc.ServerOption{
		grpc.ForceServerCodecV2(newCodec()), grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage), grpc.MaxConcurrentStreams(uint32(s.streams)), grpc.InTapHandle(s.tap),
		grpc.KeepaliveEnforcementPolicy(keepAlive),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: maxIdle, Time: serverPing}),
		grpc.ChainUnaryInterceptor(s.unary), grpc.ChainStreamInterceptor(s.stream),
	}, c.Options...)...)
	s.register()
	if s.web, err = newWeb(s); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Server) register() {
	v1.RegisterBrandServiceServer(s.grpc, &brandService{Server: s})
	v1.RegisterCampaignServiceServer(s.grpc, &campaignService{Server: s})
	v1.RegisterCredentialServiceServer(s.grpc, &credentialService{Server: s})
	v1.RegisterDecisionServiceServer(s.grpc, &decisionService{Server: s})
	v1.RegisterDeviceServiceServer(s.grpc, &deviceService{Server: s})
	v1.RegisterFenceServiceServer(s.grpc, &fenceService{Server: s})
	v1.RegisterKeyServiceServer(s.grpc, &keyService{Server: s})
	v1.RegisterLocationServiceServer(s.grpc, &locationService{Server: s})
	v1.RegisterStoreServiceServer(s.grpc, &storeService{Server: s})
	v1.RegisterWalletServiceServer(s.grpc, &walletService{Server: s})
	healthpb.RegisterHealthServer(s.grpc, s.health)
	reflection.Register(s.grpc)
}

// GRPC is the gRPC server, for a listener of its own: grpc-go's own transport is faster than the one behind Handler.
func (s *Server) GRPC() *grpc.Server { return s.grpc }

// SetReady tells gRPC health checks, for the server as a whole, whether this node wants calls.
func (s *Server) SetReady(ready bool) {
	status := healthpb.HealthCheckResponse_NOT_SERVING
	if ready {
		status = healthpb.HealthCheckResponse_SERVING
	}
	s.health.SetServingStatus("", status)
}
