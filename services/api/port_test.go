package api

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding/gzip"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/api/split"
)

// selfSigned is a certificate for this machine and who believes it.
func selfSigned(t *testing.T) (tls.Certificate, *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, &tls.Config{RootCAs: roots}
}

func (f *fixture) counts() split.Counts { return f.server.metrics.port.Load().Counts() }

// TestOnePortWithTLS asks by native gRPC, and by JSON over both versions of HTTP, on a port that speaks TLS.
func TestOnePortWithTLS(t *testing.T) {
	certificate, trust := selfSigned(t)
	f := newFixture(t)
	tn := f.tenant()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := f.serve(tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2", "http/1.1"}}))
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(trust.Clone())))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	answer, err := v1.NewBrandServiceClient(conn).GetBrand(tn.server(), &v1.GetBrandRequest{})
	require.NoError(t, err)
	require.Equal(t, tn.id.String(), answer.GetBrand().GetId())
	require.Equal(t, split.Counts{GRPC: 1}, f.counts())
	for i, h2 := range []bool{false, true} {
		protocols := new(http.Protocols)
		protocols.SetHTTP1(!h2)
		protocols.SetHTTP2(h2)
		transport := &http.Transport{TLSClientConfig: trust.Clone(), Protocols: protocols}
		r, err := http.NewRequest(http.MethodPost, "https://"+address+v1.BrandService_GetBrand_FullMethodName, strings.NewReader("{}"))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+tn.owner)
		got, err := (&http.Client{Transport: transport}).Do(r)
		require.NoError(t, err)
		text, _ := io.ReadAll(got.Body)
		_ = got.Body.Close()
		require.Equal(t, http.StatusOK, got.StatusCode, "%s", text)
		require.Equal(t, 1+i, got.ProtoMajor)
		require.Contains(t, string(text), tn.id.String())
		require.Equal(t, split.Counts{GRPC: 1, HTTP: uint64(i + 1)}, f.counts())
		transport.CloseIdleConnections()
	}
}

// TestNativeOnThePort uses on grpc-go's own transport what came with the one behind HTTP.
func TestNativeOnThePort(t *testing.T) {
	registry := prometheus.NewRegistry()
	f := newFixture(t, func(c *Config) { c.Registry = registry })
	tn := f.tenant()
	address := f.listen()
	conn := f.native(address)
	var server peer.Peer
	brands := v1.NewBrandServiceClient(conn)
	_, err := brands.GetBrand(tn.server(), &v1.GetBrandRequest{}, grpc.UseCompressor(gzip.Name), grpc.Peer(&server))
	require.NoError(t, err)
	require.Equal(t, address, server.Addr.String())
	_, err = brands.GetBrand(t.Context(), &v1.GetBrandRequest{})
	requireRefused(t, err, codes.Unauthenticated, v1.ErrorReason_KEY_INVALID)
	f.server.SetReady(true)
	healthy, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
	require.NoError(t, err)
	require.Equal(t, healthpb.HealthCheckResponse_SERVING, healthy.GetStatus())
	asks, err := reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	require.NoError(t, err)
	require.NoError(t, asks.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}}))
	list, err := asks.Recv()
	require.NoError(t, err)
	require.Contains(t, list.String(), "wantgo.v1.LocationService")
	err = conn.Invoke(t.Context(), "/wantgo.v1.BrandService/Nothing", &v1.GetBrandRequest{}, &v1.GetBrandResponse{})
	require.Equal(t, codes.Unimplemented, status.Code(err))
	require.Equal(t, split.Counts{GRPC: 1}, f.counts())
	_, _ = post(t, "http://"+address+v1.BrandService_GetBrand_FullMethodName, "application/json", []byte(`{}`))
	require.Equal(t, map[string]float64{"grpc": 1, "http": 1, "dropped": 0}, connections(t, registry))
}

// connections are what the metric of the port's connections says.
func connections(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	families, err := registry.Gather()
	require.NoError(t, err)
	all := map[string]float64{}
	for _, family := range families {
		if family.GetName() == "wantgo_api_connections_total" {
			for _, m := range family.GetMetric() {
				all[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	return all
}

// TestOneConnectionOneProtocol: a connection that began with gRPC is grpc-go's, which answers anything else with 415; one
// that began with anything else is the HTTP server's, which answers gRPC too.
func TestOneConnectionOneProtocol(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	address := f.listen()
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	for _, first := range []string{"application/grpc", "application/json"} {
		transport := &http.Transport{Protocols: protocols}
		client := &http.Client{Transport: transport}
		ask := func(kind string) (int, string, http.Header) {
			body := "{}"
			if kind == "application/grpc" {
				body = "\x00\x00\x00\x00\x00"
			}
			r, err := http.NewRequest(http.MethodPost, "http://"+address+v1.BrandService_GetBrand_FullMethodName, strings.NewReader(body))
			require.NoError(t, err)
			r.Header.Set("Content-Type", kind)
			r.Header.Set("TE", "trailers")
			r.Header.Set("Authorization", "Bearer "+tn.owner)
			answer, err := client.Do(r)
			require.NoError(t, err)
			text, err := io.ReadAll(answer.Body)
			require.NoError(t, err)
			_ = answer.Body.Close()
			return answer.StatusCode, string(text), answer.Trailer
		}
		before := f.counts()
		status, text, trailer := ask(first)
		require.Equal(t, http.StatusOK, status)
		if first == "application/grpc" {
			require.Equal(t, "0", trailer.Get("Grpc-Status"))
			status, text, _ = ask("application/json")
			require.Equal(t, http.StatusUnsupportedMediaType, status, "%s", text)
			status, _, trailer = ask("application/grpc")
		} else {
			require.Contains(t, text, tn.id.String())
			status, _, trailer = ask("application/grpc")
		}
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, "0", trailer.Get("Grpc-Status"))
		require.Equal(t, before.GRPC+before.HTTP+1, f.counts().GRPC+f.counts().HTTP, "one connection")
		transport.CloseIdleConnections()
	}
}

// TestShutdown lets a call end that is under way, on either transport, takes no new ones, and cuts an open stream when
// patience is over.
func TestShutdown(t *testing.T) {
	goOn, under := make(chan struct{}), make(chan struct{}, 2)
	slow := func(ctx context.Context, r any, call *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if call.FullMethod == v1.BrandService_GetBrand_FullMethodName {
			under <- struct{}{}
			<-goOn
		}
		return handler(ctx, r)
	}
	f := newFixture(t, func(c *Config) { c.Options = []grpc.ServerOption{grpc.ChainUnaryInterceptor(slow)} })
	tn := f.tenant()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port, address, served := f.server.Port(listener), listener.Addr().String(), make(chan error, 1)
	go func() { served <- port.Serve() }()
	conn := f.native(address)
	stream, err := v1.NewLocationServiceClient(conn).StreamPings(tn.phone(tn.device().GetDeviceToken()))
	require.NoError(t, err)
	require.NoError(t, stream.Send(&v1.StreamPingsRequest{Report: &v1.ReportPingsRequest{Pings: []*v1.Ping{pingAt(1, 1, noon)}}}))
	_, err = stream.Recv()
	require.NoError(t, err)

	answers := make(chan error, 2)
	go func() {
		_, err := v1.NewBrandServiceClient(conn).GetBrand(tn.server(), &v1.GetBrandRequest{})
		answers <- err
	}()
	go func() {
		answer, _ := post(t, "http://"+address+v1.BrandService_GetBrand_FullMethodName, "application/json", []byte(`{}`), "Authorization", "Bearer "+tn.owner)
		if answer.StatusCode != http.StatusOK {
			answers <- status.Errorf(codes.Unknown, "%s", answer.Status)
			return
		}
		answers <- nil
	}()
	<-under
	<-under
	patience, over := context.WithCancel(t.Context())
	down := make(chan struct{})
	go func() { port.Shutdown(patience); close(down) }()
	require.NoError(t, <-served)
	_, err = net.Dial("tcp", address)
	require.Error(t, err, "nobody listens any more")
	close(goOn)
	require.NoError(t, <-answers)
	require.NoError(t, <-answers)
	select {
	case <-down:
		t.Fatal("a stream is still open")
	default:
	}
	over()
	<-down
	_, err = stream.Recv()
	require.Equal(t, codes.Unavailable, status.Code(err), "%v", err)
}

// BenchmarkEmptyCall compares, in one run, a call that does nothing on the port's two transports: grpc-go's own, and the
// one behind HTTP.
func BenchmarkEmptyCall(b *testing.B) {
	f := newFixture(b)
	for name, server := range map[string]func(net.Listener) func() error{
		"native": func(l net.Listener) func() error { return f.server.Port(l).Serve },
		"behind": func(l net.Listener) func() error { return func() error { return f.server.HTTPServer().Serve(l) } },
	} {
		b.Run(name, func(b *testing.B) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(b, err)
			b.Cleanup(func() { _ = listener.Close() })
			go func() { _ = server(listener)() }()
			conn := f.native(listener.Addr().String())
			check := healthpb.NewHealthClient(conn)
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := check.Check(context.Background(), &healthpb.HealthCheckRequest{}); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
