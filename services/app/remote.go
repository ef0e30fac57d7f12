package app

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Remote are the flags of commands that ask a running server.
type Remote struct {
	Address    string `help:"Running server to ask: host:port, or an address that begins with http:// or https://." env:"WANTGO_ADDRESS" placeholder:"ADDRESS"`
	APIKeyFile string `name:"api-key-file" help:"File with the API key that the server is asked with. The variable WANTGO_API_KEY may hold the key itself." type:"path" env:"WANTGO_API_KEY_FILE" placeholder:"FILE"`
}

// dial connects to the server; every call carries the key. hangUp must be called.
func (r *Remote) dial(s *settings) (conn *grpc.ClientConn, hangUp func(), err error) {
	target, transport := r.target(s)
	key := r.key(s)
	if err := s.err(); err != nil {
		return nil, nil, err
	}
	withKey := func(ctx context.Context) context.Context {
		return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+key)
	}
	conn, err = grpc.NewClient(target, grpc.WithTransportCredentials(transport),
		grpc.WithUnaryInterceptor(func(ctx context.Context, method string, in, out any, c *grpc.ClientConn, call grpc.UnaryInvoker, o ...grpc.CallOption) error {
			return call(withKey(ctx), method, in, out, c, o...)
		}),
		grpc.WithStreamInterceptor(func(ctx context.Context, d *grpc.StreamDesc, c *grpc.ClientConn, method string, open grpc.Streamer, o ...grpc.CallOption) (grpc.ClientStream, error) {
			return open(withKey(ctx), d, c, method, o...)
		}))
	if err != nil {
		return nil, nil, fmt.Errorf("connect: %w", err)
	}
	return conn, func() { _ = conn.Close() }, nil
}

func (r *Remote) target(s *settings) (target string, transport credentials.TransportCredentials) {
	transport = insecure.NewCredentials()
	if !strings.Contains(r.Address, "://") {
		return r.Address, transport
	}
	u, err := url.Parse(r.Address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		s.fault("address", fmt.Errorf("%q is not host:port, http://host:port or https://host:port", r.Address))
		return "", transport
	case u.Scheme == "https":
		transport = credentials.NewClientTLSFromCert(nil, "")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Hostname() + ":" + port, transport
}

// key is the API key: of the file, else of the variable.
func (r *Remote) key(s *settings) string {
	if r.APIKeyFile == "" {
		key := os.Getenv("WANTGO_API_KEY")
		if key == "" {
			s.fault("api-key-file", errors.New("neither this nor WANTGO_API_KEY is given, and a server is asked with an API key"))
		}
		return key
	}
	text, err := os.ReadFile(r.APIKeyFile)
	s.fault("api-key-file", err)
	return strings.TrimSpace(string(text))
}

// told is a server's refusal in its own words.
func told(err error) error {
	if st, ok := status.FromError(err); ok && err != nil {
		return fmt.Errorf("%s (%s)", st.Message(), st.Code())
	}
	return err
}
