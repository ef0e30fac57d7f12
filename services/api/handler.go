package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"connectrpc.com/vanguard"
	"connectrpc.com/vanguard/vanguardgrpc"
	"google.golang.org/grpc"
)

// web answers HTTP: gRPC goes to the gRPC server as it is; gRPC-Web, Connect and plain JSON are translated into it.
type web struct {
	server     *Server
	native     *grpc.Server
	transcoder http.Handler
}

// maxBodyTime is how long the body of one request may take to arrive; an open stream has no such limit.
const maxBodyTime = time.Minute

// streams are the methods whose calls stay open.
var streams = []string{"/StreamPings", "/TailDecisions"}

func newWeb(s *Server) (*web, error) {
	transcoder, err := vanguardgrpc.NewTranscoder(s.behind, vanguard.WithCodec(newJSONCodec),
		vanguard.WithDefaultServiceOptions(vanguard.WithMaxMessageBufferBytes(2*maxMessage))) // JSON carries bytes as base64
	if err != nil {
		return nil, fmt.Errorf("HTTP beside gRPC: %w", err)
	}
	return &web{server: s, native: s.behind, transcoder: transcoder}, nil
}

// ServeHTTP tells the protocols apart by content type.
func (w *web) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	kind := r.Header.Get("Content-Type")
	if w.server.turnAway(out, r, kind) {
		return
	}
	if r.ProtoMajor == 2 && strings.HasPrefix(kind, "application/grpc") && !strings.HasPrefix(kind, "application/grpc-web") {
		w.native.ServeHTTP(out, r)
		return
	}
	if isPlainJSON(r, kind) {
		r.Header.Set("Connect-Protocol-Version", "1")
	}
	if !slices.ContainsFunc(streams, func(name string) bool { return strings.HasSuffix(r.URL.Path, name) }) {
		// Not every writer can do this; what bounds the others is the server in front.
		_ = http.NewResponseController(out).SetReadDeadline(time.Now().Add(maxBodyTime))
	}
	r.Body = http.MaxBytesReader(out, r.Body, 2*maxMessage)
	w.transcoder.ServeHTTP(out, r)
}

// isPlainJSON finds the posts of those who know no protocol: what they send is Connect without its version header.
func isPlainJSON(r *http.Request, kind string) bool {
	media, _, _ := strings.Cut(kind, ";")
	return r.Method == http.MethodPost && strings.EqualFold(strings.TrimSpace(media), "application/json") &&
		r.Header.Get("Connect-Protocol-Version") == ""
}

// Handler answers gRPC, gRPC-Web, Connect and plain JSON on one port. Serve it with HTTPServer, or with a server of
// your own that speaks HTTP/2.
func (s *Server) Handler() http.Handler { return s.web }

// HTTPServer is a server for Handler: HTTP/1.1 and HTTP/2, in clear text too, which is how a Port hands over what came by
// TLS. There is no limit on how long a body may take, since StreamPings stays open.
func (s *Server) HTTPServer() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           s.web,
		Protocols:         protocols,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       maxIdle,
		MaxHeaderBytes:    64 << 10,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: s.streams, SendPingTimeout: serverPing},
	}
}
