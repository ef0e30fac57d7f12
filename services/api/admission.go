package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
	"google.golang.org/protobuf/proto"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/api/admit"
)

// classOf is who is served first. An app key in the request makes a phone of whoever may call with one; whether the key
// is any good is asked after.
func (m *method) classOf(appKey bool) admit.Class {
	switch {
	case m.name == v1.LocationService_ImportPings_FullMethodName:
		return admit.Import
	case m.name == v1.WalletService_RedeemCoupon_FullMethodName: // somebody stands at the till
		return admit.Phone
	case !m.admits(v1.Access_SERVER), appKey && (m.admits(v1.Access_APP) || m.admits(v1.Access_PHONE)):
		return admit.Phone
	}
	return admit.Console
}

// What requests without pings weigh, in pings: by a statement or two of the database, and by the size of a file.
const (
	weightOther    = 8
	weightPerBytes = 128
)

// weightOf is what a request counts.
func weightOf(request proto.Message) int {
	switch r := request.(type) {
	case *v1.ReportPingsRequest:
		return len(r.GetPings())
	case *v1.StreamPingsRequest:
		return len(r.GetReport().GetPings())
	case *v1.ImportPingsRequest:
		return len(r.GetPings())
	case *v1.SyncFencesRequest:
		return 1
	case interface{ GetContent() []byte }:
		return weightOther + len(r.GetContent())/weightPerBytes
	}
	return weightOther
}

// room gives a request its place among the calls in the works, or refuses it.
func (s *Server) room(ctx context.Context, m *method, weight int) (admit.Permit, error) {
	permit, err := s.gate.Enter(ctx, m.class.of(ctx), weight)
	var full *admit.Refusal
	if errors.As(err, &full) {
		return permit, s.refusals.after(full.RetryAfter).err
	}
	return permit, err
}

// class is a method's place in the order: without an app key, and with one.
type class struct{ without, with admit.Class }

func (c class) of(ctx context.Context) admit.Class {
	if c.with != c.without && len(metadata.ValueFromIncomingContext(ctx, appKeyHeader)) > 0 {
		return c.with
	}
	return c.without
}

// worked tells whether a call did its work, so that the time it took tells how busy the node is.
func worked(err error) bool { return err == nil || errors.Is(err, context.DeadlineExceeded) }

// tap refuses calls on a native gRPC listener before they are read.
func (s *Server) tap(ctx context.Context, call *tap.Info) (context.Context, error) {
	if r := s.shut(call.FullMethodName, len(call.Header[appKeyHeader]) > 0); r != nil {
		return ctx, r.err
	}
	return ctx, nil
}

// shut refuses a call unread where too many of its class come; nil: it may be read.
func (s *Server) shut(path string, appKey bool) *refusal {
	m := s.methods[path]
	if m == nil {
		return nil
	}
	c := m.class.without
	if appKey {
		c = m.class.with
	}
	if s.gate.Open(c) {
		return nil
	}
	return s.refusals.after(s.gate.RetryAfter(c))
}

// refusal is OVERLOADED with a time to come back at, in every form in which it is told.
type refusal struct {
	err     error
	seconds string // Retry-After
	details string // grpc-status-details-bin
	body    []byte // Connect's JSON
}

// refusals are made once for each tenth of a second: a flood must not pay for marshalling.
type refusals [1024]atomic.Pointer[refusal]

func (rs *refusals) after(wait time.Duration) *refusal {
	i := min(max(int(wait/(100*time.Millisecond)), 1), len(rs)-1)
	if r := rs[i].Load(); r != nil {
		return r
	}
	r := newRefusal(time.Duration(i) * 100 * time.Millisecond)
	rs[i].Store(r)
	return r
}

const fullText = "the server is full: come back later"

func newRefusal(wait time.Duration) *refusal {
	err := refuseFor(codes.ResourceExhausted, v1.ErrorReason_OVERLOADED, fullText, wait)
	st := status.Convert(err).Proto()
	type detail struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	}
	body := struct {
		Code    string   `json:"code"`
		Message string   `json:"message"`
		Details []detail `json:"details"`
	}{Code: "resource_exhausted", Message: fullText}
	for _, d := range st.GetDetails() {
		_, name, _ := strings.Cut(d.GetTypeUrl(), "/")
		body.Details = append(body.Details, detail{name, base64.RawStdEncoding.EncodeToString(d.GetValue())})
	}
	text, _ := json.Marshal(body)
	wire, _ := proto.Marshal(st)
	return &refusal{err: err, seconds: retryAfter(wait), details: base64.RawStdEncoding.EncodeToString(wire), body: text}
}

// retryAfter is a wait as HTTP's header has it: whole seconds, never too early.
func retryAfter(wait time.Duration) string {
	return strconv.Itoa(max(int(math.Ceil(wait.Seconds())), 1))
}

// tellRetryAfter adds HTTP's header to a refusal that says when to come back.
func tellRetryAfter(ctx context.Context, err error) {
	if wait, ok := retryIn(err); ok && status.Code(err) == codes.ResourceExhausted {
		_ = grpc.SetHeader(ctx, metadata.Pairs("retry-after", retryAfter(wait))) // too late in a stream that has begun to answer
	}
}

// hold is how long a refusal that was not even read is held back, and how many are at most: a caller that comes back at
// once has so many calls under way on a connection, and is slowed down by as much.
const (
	hold     = 20 * time.Millisecond
	mostHeld = 10_000
)

// turnAway answers an HTTP request unread, in the protocol of its content type. False: it is to be read.
func (s *Server) turnAway(out http.ResponseWriter, request *http.Request, kind string) bool {
	if strings.HasPrefix(kind, "application/connect+") { // refused as a stream's end is told, by the interceptor
		return false
	}
	r := s.shut(request.URL.Path, request.Header.Get(appKeyHeader) != "")
	if r == nil {
		return false
	}
	s.holdBack(request.Context())
	h := out.Header()
	h.Set("Retry-After", r.seconds)
	if strings.HasPrefix(kind, "application/grpc") {
		h.Set("Content-Type", kind)
		h.Set("Grpc-Status", strconv.Itoa(int(codes.ResourceExhausted)))
		h.Set("Grpc-Message", fullText)
		h.Set("Grpc-Status-Details-Bin", r.details)
		out.WriteHeader(http.StatusOK)
		return true
	}
	h.Set("Content-Type", "application/json")
	out.WriteHeader(http.StatusTooManyRequests)
	_, _ = out.Write(r.body)
	return true
}

func (s *Server) holdBack(ctx context.Context) {
	defer s.held.Add(-1)
	if s.held.Add(1) > mostHeld {
		return
	}
	timer := time.NewTimer(hold)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
