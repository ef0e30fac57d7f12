package api

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/wantgo/wantgo/services/api/admit"
)

// ours tells the contract's methods from health and reflection, which are open to everybody.
func ours(fullMethod string) bool { return strings.HasPrefix(fullMethod, "/wantgo.v1.") }

// unary takes a call through everything that stands before its handler: whether there is room for it, who calls, how
// often, how much, whether the message keeps the contract, and whether it was answered before.
func (s *Server) unary(ctx context.Context, request any, call *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (answer any, err error) {
	if !ours(call.FullMethod) {
		return handler(ctx, request)
	}
	m, err := s.method(call.FullMethod)
	if err != nil {
		return nil, err
	}
	began, message := time.Now(), request.(proto.Message)
	defer func() {
		if thrown := recover(); thrown != nil {
			answer, err = nil, s.caught(thrown)
		}
		if err != nil {
			err = s.told(ctx, m.name, requestID(message), err)
		}
		s.metrics.answered(m, began, err)
	}()
	weight := weightOf(message)
	permit, err := s.room(ctx, m, weight)
	if err != nil {
		return nil, err
	}
	defer func() { s.gate.Exit(permit, worked(err)) }()
	if ctx, err = s.enter(ctx, m, weight); err != nil {
		return nil, err
	}
	if err := s.check(m, message); err != nil {
		return nil, err
	}
	if !m.remembered || isDryRun(message) {
		return handler(ctx, request)
	}
	return s.once(ctx, m, message, handler)
}

// told makes the status that the caller gets, and logs a fault of ours.
func (s *Server) told(ctx context.Context, method, requestID string, err error) error {
	if err == nil {
		return nil
	}
	answer, fault := statusOf(err)
	if fault && gaveUp(ctx, err) {
		answer, fault = status.FromContextError(ctx.Err()).Err(), false
	}
	if fault {
		return s.answerFault(ctx, method, requestID, err)
	}
	tellRetryAfter(ctx, answer)
	return answer
}

func (s *Server) method(name string) (*method, error) {
	if m := s.methods[name]; m != nil {
		return m, nil
	}
	return nil, status.Error(codes.Unimplemented, "no such method")
}

// enter authenticates and admits the caller of a method, for a request of a weight.
func (s *Server) enter(ctx context.Context, m *method, weight int) (context.Context, error) {
	caller, err := s.authenticate(ctx, m)
	if err != nil {
		return ctx, err
	}
	if err := caller.admit(m); err != nil {
		return ctx, err
	}
	if err := s.limits.take(caller, m, weight, s.engine.Now()); err != nil {
		return ctx, err
	}
	return context.WithValue(ctx, callerKey{}, caller), nil
}

// check holds a message against size and contract. What a field mask leaves out is checked once it is merged.
func (s *Server) check(m *method, message proto.Message) error {
	if err := checkSize(m, message); err != nil {
		return err
	}
	if m.updates != "" {
		return s.checkMessage(message, "", withoutField(m.updates))
	}
	return s.checkMessage(message, "")
}

// isDryRun tells a request that only asks what would happen.
func isDryRun(message proto.Message) bool {
	r, ok := message.(interface{ GetValidateOnly() bool })
	return ok && r.GetValidateOnly()
}

// caught counts a panic and makes an error of it that names the place and no value: values may be a person's.
func (s *Server) caught(thrown any) error {
	s.metrics.panics.Inc()
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	var at []string
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, "runtime.") && frame.Function != "" {
			at = append(at, fmt.Sprintf("%s:%d", frame.Function, frame.Line))
		}
		if !more || len(at) == 8 {
			break
		}
	}
	return fmt.Errorf("panic of %T at %s", thrown, strings.Join(at, " < "))
}

// stream takes an open call through the same; each of its messages is admitted and checked by itself.
func (s *Server) stream(server any, ss grpc.ServerStream, call *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	if !ours(call.FullMethod) {
		return handler(server, ss)
	}
	m, err := s.method(call.FullMethod)
	if err != nil {
		return err
	}
	began := time.Now()
	ctx := ss.Context()
	defer func() {
		if thrown := recover(); thrown != nil {
			err = s.caught(thrown)
		}
		err = s.told(ctx, m.name, "", err)
		s.metrics.answered(m, began, err)
	}()
	g := &guardedStream{ServerStream: ss, server: s, method: m}
	if g.ctx, err = g.open(ctx); err != nil {
		return err
	}
	defer g.done()
	return handler(server, g)
}

// guardedStream lets a stream's messages through one by one.
type guardedStream struct {
	grpc.ServerStream
	server *Server
	method *method
	ctx    context.Context
	permit admit.Permit // of the message that is being answered
	busy   bool
}

// Context carries the caller.
func (g *guardedStream) Context() context.Context { return g.ctx }

// open admits the caller, before the first message.
func (g *guardedStream) open(ctx context.Context) (context.Context, error) {
	permit, err := g.server.room(ctx, g.method, 1)
	if err != nil {
		return ctx, err
	}
	defer g.server.gate.Exit(permit, false)
	return g.server.enter(ctx, g.method, 0)
}

// RecvMsg admits the caller again with every message: a node that is full, a token that has run out or a device that is
// gone ends the call.
func (g *guardedStream) RecvMsg(m any) (err error) {
	g.done()
	if err := g.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	message := m.(proto.Message)
	weight := weightOf(message)
	if g.permit, err = g.server.room(g.ctx, g.method, weight); err != nil {
		return err
	}
	g.busy = true
	if _, err := g.server.enter(g.ServerStream.Context(), g.method, weight); err != nil {
		return err
	}
	return g.server.check(g.method, message)
}

// SendMsg is the end of a message's work: how long the caller takes to read the answer is its own affair.
func (g *guardedStream) SendMsg(m any) error {
	g.done()
	return g.ServerStream.SendMsg(m)
}

func (g *guardedStream) done() {
	if g.busy {
		g.busy = false
		g.server.gate.Exit(g.permit, true)
	}
}
