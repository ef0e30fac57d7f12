package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
)

// domain is the domain of every ErrorInfo.
const domain = "wantgo"

// refuse makes the status of a refusal: its code, its reason and the reason's values, given as key, value, …
func refuse(code codes.Code, reason v1.ErrorReason_Code, text string, values ...string) error {
	return withDetails(code, text, info(reason, values...))
}

// refuseFor is refuse with the time after which a repeat makes sense.
func refuseFor(code codes.Code, reason v1.ErrorReason_Code, text string, after time.Duration, values ...string) error {
	return withDetails(code, text, info(reason, values...), &errdetails.RetryInfo{RetryDelay: durationpb.New(after)})
}

// retryIn is the time after which the status says that a repeat makes sense.
func retryIn(err error) (time.Duration, bool) {
	for _, detail := range status.Convert(err).Details() {
		if retry, ok := detail.(*errdetails.RetryInfo); ok {
			return retry.GetRetryDelay().AsDuration(), true
		}
	}
	return 0, false
}

func info(reason v1.ErrorReason_Code, values ...string) *errdetails.ErrorInfo {
	metadata := map[string]string{}
	for i := 0; i+1 < len(values); i += 2 {
		metadata[values[i]] = values[i+1]
	}
	return &errdetails.ErrorInfo{Reason: reason.String(), Domain: domain, Metadata: metadata}
}

func withDetails(code codes.Code, text string, details ...protoadapt.MessageV1) error {
	st := status.New(code, text)
	if with, err := st.WithDetails(details...); err == nil {
		st = with
	}
	return st.Err()
}

// faults are all that is wrong with the fields of one request.
type faults []fault

// fault is one of them. Values are what the reason carries beside the field.
type fault struct {
	Field  string
	Reason v1.ErrorReason_Code
	Text   string
	Values []string
}

func (fs *faults) add(field string, reason v1.ErrorReason_Code, text string, values ...string) {
	*fs = append(*fs, fault{field, reason, text, values})
}

// unsupported refuses what the contract can say and this version cannot keep.
func (fs *faults) unsupported(given bool, field, text string) {
	if given {
		fs.add(field, v1.ErrorReason_INVALID_FIELD, "not supported by this version: "+text)
	}
}

// err is the status that names them all, or nil. The first gives the reason.
func (fs faults) err() error {
	if len(fs) == 0 {
		return nil
	}
	bad := &errdetails.BadRequest{}
	for _, f := range fs {
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{
			Field: f.Field, Description: f.Text, Reason: f.Reason.String(),
		})
	}
	first := fs[0]
	text := fmt.Sprintf("%s: %s", first.Field, first.Text)
	if more := len(fs) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	values := append([]string{"field", first.Field}, first.Values...)
	return withDetails(codeOf(first.Reason), text, info(first.Reason, values...), bad)
}

// codeOf is the status of the reasons that come with a field.
func codeOf(reason v1.ErrorReason_Code) codes.Code {
	switch reason {
	case v1.ErrorReason_VISIT_FENCE_EXISTS, v1.ErrorReason_SENDER_MISSING, v1.ErrorReason_CAMPAIGN_STATE, v1.ErrorReason_IN_USE,
		v1.ErrorReason_CAMPAIGN_FIELD_FIXED, v1.ErrorReason_CAMPAIGN_NOT_APPROVED:
		return codes.FailedPrecondition
	case v1.ErrorReason_STORE_NOT_FOUND:
		return codes.NotFound
	}
	return codes.InvalidArgument
}

// missing answers engine.ErrNotFound as the noun that was not found; other errors pass.
func missing(err error, reason v1.ErrorReason_Code, values ...string) error {
	if !errors.Is(err, engine.ErrNotFound) {
		return err
	}
	return refuse(codes.NotFound, reason, "not found", values...)
}

// statusOf turns whatever a handler returned into the status its caller gets. The second value is true for a fault of
// ours, which the caller must log.
func statusOf(err error) (error, bool) {
	if _, ok := status.FromError(err); ok {
		return err, false
	}
	var violations brand.Violations
	switch {
	case errors.As(err, &violations):
		return faultsOf(err, fieldNames{}).err(), false
	case errors.Is(err, context.Canceled):
		return status.Error(codes.Canceled, "the caller went away"), false
	case errors.Is(err, context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, "took longer than the caller waits"), false
	case errors.Is(err, engine.ErrUnauthenticated):
		return refuse(codes.Unauthenticated, v1.ErrorReason_KEY_INVALID, "no valid key or token"), false
	case errors.Is(err, engine.ErrExpired):
		return refuse(codes.Unauthenticated, v1.ErrorReason_DEVICE_TOKEN_EXPIRED, "the device token has run out"), false
	case errors.Is(err, engine.ErrGone):
		return refuse(codes.FailedPrecondition, v1.ErrorReason_PERSON_ERASING, "the person is being erased"), false
	case errors.Is(err, engine.ErrStale):
		return refuse(codes.Aborted, v1.ErrorReason_ETAG_MISMATCH, "changed since it was read: read it again"), false
	case errors.Is(err, engine.ErrAlreadyExists):
		return refuse(codes.AlreadyExists, v1.ErrorReason_EXTERNAL_ID_TAKEN, "the brand's own id is taken"), false
	case errors.Is(err, engine.ErrBusy):
		return refuseFor(codes.ResourceExhausted, v1.ErrorReason_OVERLOADED, "the server is full: repeat", time.Second), false
	case errors.Is(err, engine.ErrNewerState):
		return refuseFor(codes.Unavailable, v1.ErrorReason_NOT_READY, "another node of a newer release must answer: repeat", time.Second), false
	case errors.Is(err, engine.ErrNotFound):
		return status.Error(codes.NotFound, "not found"), false
	}
	return nil, true
}

// unreachable tells a database that cannot be reached, or cannot serve now, and a node that is stopping from a fault in
// the program.
func unreachable(err error) bool {
	var network net.Error
	var unsent interface{ SafeToRetry() bool } // the driver's word for a connection that was gone before anything was said
	var answered interface{ SQLState() string }
	switch {
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, engine.ErrClosed),
		errors.As(err, &unsent) && unsent.SafeToRetry():
		return true
	case errors.As(err, &answered):
		return passing(answered.SQLState())
	}
	return false
}

// gaveUp tells a statement that the database cancelled because its caller had stopped waiting.
func gaveUp(ctx context.Context, err error) bool {
	var answered interface{ SQLState() string }
	return ctx.Err() != nil && errors.As(err, &answered) && answered.SQLState() == "57014"
}

// passing tells the states in which a database refuses what it will take again: classes 08 (connection), 40 (rolled
// back), 53 (no disk, memory or connections left), 57 (shut down, starting, cancelled) and 58 (its own system), and the
// single ones of a replica that takes no writes and of a lock that was not to be had.
func passing(state string) bool {
	switch {
	case len(state) != 5:
		return false
	case state == "25006", state == "55P03":
		return true
	}
	return slices.Contains([]string{"08", "40", "53", "57", "58"}, state[:2])
}

// answerFault logs a fault of ours once and returns what the caller may know of it.
func (s *Server) answerFault(ctx context.Context, method, requestID string, err error) error {
	id := uuid.NewString()
	s.log.LogAttrs(ctx, slog.LevelError, "request failed", slog.String("method", method),
		slog.String("request_id", requestID), slog.String("fault_id", id), slog.String("error", err.Error()))
	if unreachable(err) {
		return refuseFor(codes.Unavailable, v1.ErrorReason_NOT_READY, "not ready: repeat", time.Second)
	}
	return refuse(codes.Internal, v1.ErrorReason_INTERNAL_FAULT, "a fault of ours; the log has it under this number", "fault_id", id)
}

// isMissing tells a NOT_FOUND of ours.
func isMissing(err error) bool { return status.Code(err) == codes.NotFound }
