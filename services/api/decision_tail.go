package api

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

const (
	// tailLook is how often the database is asked what happened.
	tailLook = time.Second
	// tailAdmit is after how many looks the caller's key is looked at again.
	tailAdmit = 5
)

// TailDecisions tells what happens to a person until the caller hangs up, loses the right to it, or the node ends.
func (s *decisionService) TailDecisions(r *v1.TailDecisionsRequest, stream v1.DecisionService_TailDecisionsServer) error {
	ctx := stream.Context()
	c := callerOf(ctx)
	b, err := s.brandOf(c)
	if err != nil {
		return err
	}
	person, device, err := s.tailed(ctx, c, r)
	if err != nil {
		return err
	}
	t, err := s.engine.Tail(ctx, c.Brand, person, device)
	if err != nil {
		return tailFault(err)
	}
	defer t.Close()
	w := &tailing{
		Server: s.Server, stream: stream, tail: t, brandID: c.Brand, person: person,
		in: s.speaker(b, orText(r.GetLocale(), b.Settings.Locale)),
	}
	began := &v1.TailDecisionsResponse_Began{PersonId: person.String(), NodeId: s.engine.Node().String()}
	if err := stream.Send(&v1.TailDecisionsResponse{EventTime: s.now(), Event: &v1.TailDecisionsResponse_Began_{Began: began}}); err != nil {
		return err
	}
	return w.run(ctx)
}

// tailed is the person to be watched, and the device if it was named by one.
func (s *decisionService) tailed(ctx context.Context, c *Caller, r *v1.TailDecisionsRequest) (person, device uuid.UUID, err error) {
	q := &v1.ExplainDecisionsRequest{}
	switch by := r.GetSubject().(type) {
	case *v1.TailDecisionsRequest_PersonId:
		q.Subject = &v1.ExplainDecisionsRequest_PersonId{PersonId: by.PersonId}
	case *v1.TailDecisionsRequest_PersonExternalId:
		q.Subject = &v1.ExplainDecisionsRequest_PersonExternalId{PersonExternalId: by.PersonExternalId}
	case *v1.TailDecisionsRequest_DeviceId:
		device = parseID(by.DeviceId)
		q.Subject = &v1.ExplainDecisionsRequest_DeviceId{DeviceId: by.DeviceId}
	case *v1.TailDecisionsRequest_DeviceExternalId:
		found, err := s.engine.DevicesByExternalID(ctx, c.Brand, []string{by.DeviceExternalId})
		if err != nil {
			return person, device, err
		}
		device = found[by.DeviceExternalId].ID
		q.Subject = &v1.ExplainDecisionsRequest_DeviceExternalId{DeviceExternalId: by.DeviceExternalId}
	}
	person, err = s.subject(ctx, c, q)
	return person, device, err
}

func tailFault(err error) error {
	switch {
	case errors.Is(err, engine.ErrTailsFull):
		return refuseFor(codes.ResourceExhausted, v1.ErrorReason_RATE_LIMITED, "too many tails are open on this node", 10*time.Second, "limit", "tails")
	case errors.Is(err, engine.ErrGone):
		return refuse(codes.NotFound, v1.ErrorReason_PERSON_NOT_FOUND, "the person is no more, or is another by now")
	}
	return missing(err, v1.ErrorReason_PERSON_NOT_FOUND)
}

// tailing is one open TailDecisions.
type tailing struct {
	*Server
	stream  v1.DecisionService_TailDecisionsServer
	tail    *engine.Tail
	brandID uuid.UUID
	person  uuid.UUID
	in      campaign.Speaker
}

func (w *tailing) run(ctx context.Context) error {
	tick := time.NewTicker(tailLook)
	defer tick.Stop()
	for looks := 1; ; {
		look := true
		select {
		case <-ctx.Done():
			return ctx.Err()
		case event := <-w.tail.Heard():
			if err := w.send(&event); err != nil {
				return err
			}
			look = event.Transition != nil // it may have been decided on already
		case <-tick.C:
			if looks++; looks%tailAdmit == 0 {
				if err := w.admitted(ctx); err != nil {
					return err
				}
			}
		}
		if !look {
			continue
		}
		events, err := w.tail.Look(ctx)
		if err != nil {
			return tailFault(err)
		}
		for i := range events {
			if err := w.send(&events[i]); err != nil {
				return err
			}
		}
	}
}

// admitted looks at the caller's key again: it may have been revoked.
func (w *tailing) admitted(ctx context.Context) error {
	m := w.methods[v1.DecisionService_TailDecisions_FullMethodName]
	c, err := w.authenticate(ctx, m)
	if err != nil {
		return err
	}
	return c.admit(m)
}

func (w *tailing) send(e *engine.TailEvent) error {
	out := &v1.TailDecisionsResponse{EventTime: stamp(e.At)}
	switch {
	case e.Ping != nil:
		out.Event = &v1.TailDecisionsResponse_Ping{Ping: heardTo(e.Ping)}
	case e.Transition != nil:
		out.Event = &v1.TailDecisionsResponse_Transition{Transition: transitionTo(e.Transition)}
	case e.Decision != nil:
		out.Event = &v1.TailDecisionsResponse_Decision{Decision: w.decisionTo(w.brandID, w.person, e.Decision, e.Deliveries, w.in)}
	case e.Delivery != nil:
		outcome := &v1.TailDecisionsResponse_Outcome{NotificationId: e.Delivery.Notification.ID.String(), Delivery: deliveryTo(e.Delivery)}
		out.Event = &v1.TailDecisionsResponse_Outcome_{Outcome: outcome}
	case e.Receipt != nil:
		outcome := &v1.TailDecisionsResponse_Outcome{NotificationId: e.Receipt.NotificationID.String(), Receipt: keyOf(receiptKinds, e.Receipt.Kind)}
		out.Event = &v1.TailDecisionsResponse_Outcome_{Outcome: outcome}
	case e.Elsewhere:
		out.Event = &v1.TailDecisionsResponse_Elsewhere_{Elsewhere: &v1.TailDecisionsResponse_Elsewhere{}}
	default:
		out.Event = &v1.TailDecisionsResponse_Lost_{Lost: &v1.TailDecisionsResponse_Lost{Count: e.Lost}}
	}
	return w.stream.Send(out)
}

func heardTo(p *engine.HeardPing) *v1.TailDecisionsResponse_HeardPing {
	out := &v1.TailDecisionsResponse_HeardPing{
		DeviceId: p.DeviceID.String(), Verdict: string(p.Verdict), Age: durationpb.New(p.Age), Foreground: p.Foreground, Late: p.Late,
	}
	if p.Accuracy > 0 {
		out.AccuracyMeters = &p.Accuracy
	}
	return out
}
