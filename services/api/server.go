package api

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
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
	"github.com/wantgo/wantgo/services/webhook"
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
	// UnsignedIdentity tells brands that IdentifyPerson takes JWTs without a signature; for the demo only. The engine has
	// its own switch.
	UnsignedIdentity bool
	// CredentialStates tells what providers last said of a brand's credentials; nil: nobody knows.
	CredentialStates func(ctx context.Context, brandID uuid.UUID) (map[uuid.UUID]brand.CredentialState, error)
	// PushServices are the hosts that a web push subscription may lead to; nil: the known ones.
	PushServices pusher.PushServices
	// Webhooks tells brands' systems what happens; nil: this node does not.
	Webhooks *webhook.Dispatcher
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
	grpc      *grpc.Server // on connections of its own
	behind    *grpc.Server // behind HTTP: the same services, but it can only be stopped with the HTTP server
	health    *health.Server
	unsigned  bool
	web       *web

	credentialStates func(ctx context.Context, brandID uuid.UUID) (map[uuid.UUID]brand.CredentialState, error)
	pushServices     pusher.PushServices
	webhooks         *webhook.Dispatcher
}

// workersPerCPU is how many goroutines stay for the next call: a new one would grow its stack anew with every call. More
// calls at once get goroutines of their own.
const workersPerCPU = 160

// keepAlive drops connections of phones that went away and refuses peers that ping too often.
var keepAlive = keepalive.EnforcementPolicy{MinTime: minClientPing, PermitWithoutStream: true}

// New builds the server. Nothing listens yet: use Port; or Handler, or GRPC for a listener of its own.
func New(c Config) (*Server, error) {
	s := &Server{engine: c.Engine, log: c.Log, unsigned: c.UnsignedIdentity, health: health.NewServer()}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	s.credentialStates, s.pushServices, s.webhooks = c.CredentialStates, c.PushServices, c.Webhooks
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
	for name, m := range s.methods {
		m.metrics = s.metrics.of(name)
	}
	if s.validator, err = protovalidate.New(); err != nil {
		return nil, fmt.Errorf("constraints of the contract: %w", err)
	}
	workers := grpc.NumStreamWorkers(uint32(workersPerCPU * runtime.GOMAXPROCS(0)))
	s.grpc, s.behind = s.newGRPC(append(slices.Clone(c.Options), workers)), s.newGRPC(c.Options)
	if s.web, err = newWeb(s); err != nil {
		return nil, err
	}
	return s, nil
}

// newGRPC makes a gRPC server with all services.
func (s *Server) newGRPC(options []grpc.ServerOption) *grpc.Server {
	server := grpc.NewServer(append([]grpc.ServerOption{
		grpc.ForceServerCodecV2(newCodec()), grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage),
		grpc.MaxConcurrentStreams(uint32(s.streams)), grpc.InTapHandle(s.tap), grpc.KeepaliveEnforcementPolicy(keepAlive),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: maxIdle, Time: serverPing}),
		grpc.ChainUnaryInterceptor(s.unary), grpc.ChainStreamInterceptor(s.stream),
	}, options...)...)
	s.register(server)
	return server
}

func (s *Server) register(server *grpc.Server) {
	v1.RegisterAddressServiceServer(server, &addressService{Server: s})
	v1.RegisterBrandServiceServer(server, &brandService{Server: s})
	v1.RegisterCampaignServiceServer(server, &campaignService{Server: s})
	v1.RegisterCredentialServiceServer(server, &credentialService{Server: s})
	v1.RegisterDecisionServiceServer(server, &decisionService{Server: s})
	v1.RegisterDeviceServiceServer(server, &deviceService{Server: s})
	v1.RegisterFenceServiceServer(server, &fenceService{Server: s})
	v1.RegisterKeyServiceServer(server, &keyService{Server: s})
	v1.RegisterLocationServiceServer(server, &locationService{Server: s})
	v1.RegisterPersonServiceServer(server, &personService{Server: s})
	v1.RegisterSegmentServiceServer(server, &segmentService{Server: s})
	v1.RegisterStoreServiceServer(server, &storeService{Server: s})
	v1.RegisterWalletServiceServer(server, &walletService{Server: s})
	v1.RegisterWebhookServiceServer(server, &webhookService{Server: s})
	v1.RegisterInboxServiceServer(server, &inboxService{Server: s})
	v1.RegisterItemServiceServer(server, &itemService{Server: s})
	v1.RegisterMomentServiceServer(server, &momentService{Server: s})
	v1.RegisterSendingServiceServer(server, &sendingService{Server: s})
	v1.RegisterResultsServiceServer(server, &resultsService{Server: s})
	healthpb.RegisterHealthServer(server, s.health)
	reflection.Register(server)
}

// GRPC is the gRPC server on grpc-go's own transport, for a listener of its own.
func (s *Server) GRPC() *grpc.Server { return s.grpc }

// SetReady tells gRPC health checks, for the server as a whole, whether this node wants calls.
func (s *Server) SetReady(ready bool) {
	status := healthpb.HealthCheckResponse_NOT_SERVING
	if ready {
		status = healthpb.HealthCheckResponse_SERVING
	}
	s.health.SetServingStatus("", status)
}
