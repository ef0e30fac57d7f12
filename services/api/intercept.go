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
)

// ours tells the contract's methods from health and reflection, which are open to everybody.
func ours(fullMethod string) bool { return strings.HasPrefix(fullMethod, "/wantgo.v1.") }

// unary takes a call through everything that stands before its handler: who calls, how often, how much, whether the
// message keeps the contract, and whether it was answered before.
func (s *Server) unary(ctx context.Context, request any, call *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (answer any, err error) {
	if !ours(call.FullMethod) {
		return handler(ctx, request)
	}
	began, message := time.Now(), request.(proto.Message)
	defer func() {
		if thrown := recover(); thrown != nil {
			answer, err = nil, s.caught(thrown)
		}
		err = s.told(ctx, call.FullMethod, requestID(message), err)
		s.metrics.answered(call.FullMethod, began, err)
	}()
	m, ctx, err := s.enter(ctx, call.FullMethod)
	if err != nil {
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
	if fault {
		return s.answerFault(ctx, method, requestID, err)
	}
	return answer
}

// enter authenticates and admits the caller of a method.
func (s *Server) enter(ctx context.Context, name string) (*method, context.Context, error) {
	m := s.methods[name]
	if m == nil {
		return nil, ctx, status.Error(codes.Unimplemented, "no such method")
	}
	caller, err := s.authenticate(ctx, m)
	if err != nil {
		return nil, ctx, err
	}
	if err := caller.admit(m); err != nil {
		return nil, ctx, err
	}
	if err := s.limits.take(caller, m, s.engine.Now()); err != nil {
		return nil, ctx, err
	}
	return m, context.WithValue(ctx, callerKey{}, caller), nil
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
	began := time.Now()
	ctx := ss.Context()
	defer func() {
		if thrown := recover(); thrown != nil {
			err = s.caught(thrown)
		}
		err = s.told(ctx, call.FullMethod, "", err)
		s.metrics.answered(call.FullMethod, began, err)
	}()
	m, ctx, err := s.enter(ctx, call.FullMethod)
	if err != nil {
		return err
	}
	return handler(server, &guardedStream{ServerStream: ss, server: s, method: m, ctx: ctx})
}

// guardedStream lets a stream's messages through one by one.
type guardedStream struct {
	grpc.ServerStream
	server *Server
	method *method
	ctx    context.Context
	begun  bool
}

// Context carries the caller.
func (g *guardedStream) Context() context.Context { return g.ctx }

// RecvMsg admits the caller again with every message: a token that has run out or a device that is gone ends the call.
func (g *guardedStream) RecvMsg(m any) error {
	if err := g.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	if g.begun {
		if _, _, err := g.server.enter(g.ServerStream.Context(), g.method.name); err != nil {
			return err
		}
	}
	g.begun = true
	return g.server.check(g.method, m.(proto.Message))
}
