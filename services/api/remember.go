package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/engine"
)

// An answer is remembered as the hash of its request and the answer itself, without what is secret.

// once does a write once by its request id and gives a repeat the first answer. A write that failed is not remembered.
func (s *Server) once(ctx context.Context, m *method, request proto.Message, handler grpc.UnaryHandler) (any, error) {
	c := callerOf(ctx)
	k := &claim{memory: s.engine.Requests(), brand: c.Brand, method: m.name, scope: m.name + " " + c.by(), id: requestID(request)}
	hash := requestHash(request)
	known, at, err := k.memory.Claim(ctx, k.brand, k.scope, k.id)
	switch {
	case err != nil:
		return nil, fmt.Errorf("claim request: %w", err)
	case known != nil:
		return s.repeat(ctx, m, c, k.id, hash, known)
	case at.IsZero():
		return nil, k.inProgress()
	}
	k.at = at
	if c.erased {
		s.forget(ctx, k)
		return nil, unknownDevice()
	}
	answer, err := k.hold(ctx, func(ctx context.Context) (any, error) { return handler(ctx, request) })
	if err != nil {
		s.forget(ctx, k)
		return nil, err
	}
	body, err := proto.Marshal(withoutSecrets(answer.(proto.Message)))
	if err != nil {
		return nil, fmt.Errorf("remember answer: %w", err)
	}
	s.remember(ctx, k, append(hash, body...))
	return answer, nil
}

// claim is a request id that a call of this node works on.
type claim struct {
	memory            engine.Requests
	brand             uuid.UUID
	method, scope, id string
	at                time.Time
}

func (k *claim) inProgress() error {
	return refuseFor(codes.Aborted, v1.ErrorReason_REQUEST_IN_PROGRESS, "the same request is being worked on: repeat", time.Second, "request_id", k.id)
}

// hold renews the claim while work runs. Work whose claim cannot be renewed any more is told to stop: another node may
// take the request over.
func (k *claim) hold(ctx context.Context, work func(context.Context) (any, error)) (any, error) {
	working, stop := context.WithCancel(ctx)
	defer stop()
	renewing, done := context.WithCancel(context.WithoutCancel(ctx))
	var ended sync.WaitGroup
	ended.Go(func() {
		if !k.keep(renewing) {
			stop()
		}
	})
	answer, err := work(working)
	done()
	ended.Wait()
	if err != nil && working.Err() != nil && ctx.Err() == nil {
		return nil, k.inProgress()
	}
	return answer, err
}

const (
	renewClaimsEvery = engine.ClaimLease / 4
	// claimMargin is how long before its end by our reckoning a claim is given up that could not be renewed.
	claimMargin = engine.ClaimLease / 4
)

// keep renews until ctx ends (true) or the claim is lost.
func (k *claim) keep(ctx context.Context) bool {
	tick := time.NewTicker(renewClaimsEvery)
	defer tick.Stop()
	for until := time.Now().Add(engine.ClaimLease - claimMargin); ; {
		select {
		case <-ctx.Done():
			return true
		case <-tick.C:
		}
		asked := time.Now()
		brief, cancel := context.WithDeadline(ctx, until)
		at, err := k.memory.Renew(brief, k.brand, k.scope, k.id, k.at)
		cancel()
		switch {
		case err == nil && !at.IsZero():
			k.at, until = at, asked.Add(engine.ClaimLease-claimMargin)
		case ctx.Err() != nil:
			return true
		case err == nil, !time.Now().Before(until):
			return false
		}
	}
}

// settleTimeout bounds one statement that settles a claim. A caller that goes away must not leave its claim behind.
const settleTimeout = 5 * time.Second

func (s *Server) forget(ctx context.Context, k *claim) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	if err := k.memory.Forget(ctx, k.brand, k.scope, k.id, k.at); err != nil {
		s.log.Warn("a claimed request id could not be given back", "method", k.method, "request_id", k.id, "error", err)
	}
}

// remember keeps the answer of a write that is done: it must not be done again.
func (s *Server) remember(ctx context.Context, k *claim, answer []byte) {
	ctx = context.WithoutCancel(ctx)
	once := func() error {
		ctx, cancel := context.WithTimeout(ctx, settleTimeout)
		defer cancel()
		return k.memory.Remember(ctx, k.brand, k.scope, k.id, answer)
	}
	err := once()
	if err == nil {
		return
	}
	s.log.Warn("an answer could not be remembered yet", "method", k.method, "request_id", k.id, "error", err)
	go func() { // the caller has its answer; whoever repeats finds the claim, for a while
		for end := time.Now().Add(engine.ClaimLease); err != nil && time.Now().Before(end); err = once() {
			time.Sleep(time.Second)
		}
	}()
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
