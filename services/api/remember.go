package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// An answer is remembered as the hash of its request and the answer itself, without what is secret.

// once does a write once by its request id and gives a repeat the first answer. A write that failed is not remembered.
func (s *Server) once(ctx context.Context, m *method, request proto.Message, handler grpc.UnaryHandler) (any, error) {
	c, id := callerOf(ctx), requestID(request)
	scope, hash := m.name+" "+c.by(), requestHash(request)
	memory := s.engine.Requests()
	known, first, err := memory.Claim(ctx, c.Brand, scope, id)
	switch {
	case err != nil:
		return nil, fmt.Errorf("claim request: %w", err)
	case known != nil:
		return s.repeat(ctx, m, c, id, hash, known)
	case !first:
		return nil, refuseFor(codes.Aborted, v1.ErrorReason_REQUEST_IN_PROGRESS, "the same request is being worked on: repeat",
			time.Second, "request_id", id)
	}
	// A caller that goes away must not leave the claim behind.
	keep, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer stop()
	done := false
	defer func() {
		if !done {
			if err := memory.Forget(keep, c.Brand, scope, id); err != nil {
				s.log.Warn("a claimed request id could not be given back", "method", m.name, "request_id", id, "error", err)
			}
		}
	}()
	if c.erased {
		return nil, unknownDevice()
	}
	answer, err := handler(ctx, request)
	if err != nil {
		return nil, err
	}
	body, err := proto.Marshal(withoutSecrets(answer.(proto.Message)))
	if err != nil {
		return nil, fmt.Errorf("remember answer: %w", err)
	}
	done = true // the write is done: from here on it must not be done again
	if err := memory.Remember(keep, c.Brand, scope, id, append(hash, body...)); err != nil {
		s.log.Warn("an answer could not be remembered", "method", m.name, "request_id", id, "error", err)
	}
	return answer, nil
}

// repeat answers a request that was answered before.
func (s *Server) repeat(ctx context.Context, m *method, c *Caller, id string, hash, known []byte) (any, error) {
	if len(known) < sha256.Size || !bytes.Equal(known[:sha256.Size], hash) {
		return nil, refuse(codes.InvalidArgument, v1.ErrorReason_REQUEST_ID_REUSED, "this request id was used for another request",
			"request_id", id)
	}
	answer := newMessage(m)
	if err := proto.Unmarshal(known[sha256.Size:], answer); err != nil {
		return nil, fmt.Errorf("remembered answer: %w", err)
	}
	return answer, s.renewSecrets(ctx, c, answer)
}

// requestHash is the hash of a request without the clock of its sending, which a repeat has set anew.
func requestHash(request proto.Message) []byte {
	r := request.ProtoReflect()
	if sent := r.Descriptor().Fields().ByName("sent_time"); sent != nil && r.Has(sent) {
		request = proto.Clone(request)
		request.ProtoReflect().Clear(sent)
	}
	body, _ := proto.MarshalOptions{Deterministic: true}.Marshal(request) // what came in can go out
	hash := sha256.Sum256(body)
	return hash[:]
}

// withoutSecrets is an answer as it may be stored.
func withoutSecrets(answer proto.Message) proto.Message {
	for _, name := range []string{"secret", "device_token", "device_token_expire_time"} {
		r := answer.ProtoReflect()
		if field := r.Descriptor().Fields().ByName(protoName(name)); field != nil && r.Has(field) {
			answer = proto.Clone(answer)
			answer.ProtoReflect().Clear(field)
		}
	}
	return answer
}

// renewSecrets gives a repeated answer a device token again. The secret of a key is given once and never again.
func (s *Server) renewSecrets(ctx context.Context, c *Caller, answer proto.Message) (err error) {
	device := c.Device
	var token *string
	var expires **timestamppb.Timestamp
	switch a := answer.(type) {
	case *v1.RegisterDeviceResponse:
		device, token, expires = parseID(a.GetDevice().GetId()), &a.DeviceToken, &a.DeviceTokenExpireTime
	case *v1.IdentifyPersonResponse:
		token, expires = &a.DeviceToken, &a.DeviceTokenExpireTime
	case *v1.LogoutResponse:
		token, expires = &a.DeviceToken, &a.DeviceTokenExpireTime
	default:
		return nil
	}
	text, until, err := s.engine.RefreshToken(ctx, c.Brand, device)
	if err != nil {
		return missing(err, v1.ErrorReason_DEVICE_NOT_FOUND, "device_id", device.String())
	}
	*token, *expires = text, timestamppb.New(until)
	return nil
}
