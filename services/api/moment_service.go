package api

import (
	"context"
	"errors"

	"github.com/google/uuid"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/engine"
)

type momentService struct {
	v1.UnimplementedMomentServiceServer
	*Server
}

// RecordEvents takes what people did.
func (s *momentService) RecordEvents(ctx context.Context, r *v1.RecordEventsRequest) (*v1.RecordEventsResponse, error) {
	c := callerOf(ctx)
	in := &eventCall{
		momentService: s, caller: c, request: r, results: make([]*v1.EventResult, len(r.GetEvents())), at: map[engine.PersonRef]int{},
	}
	in.read()
	if len(in.reports) > 0 {
		answers, err := s.engine.RecordEvents(ctx, c.Brand, in.reports)
		if err != nil {
			return nil, err
		}
		for i := range answers {
			if err := in.take(i, &answers[i]); err != nil {
				return nil, err
			}
		}
	}
	out := &v1.RecordEventsResponse{Results: in.results, ServerTime: s.now()}
	if in.offer != nil {
		out.InAppMessage = (&locationService{Server: s.Server}).inAppTo(ctx, c, in.offer)
	}
	return out, nil
}

// eventCall is one RecordEvents on its way.
type eventCall struct {
	*momentService
	caller  *Caller
	request *v1.RecordEventsRequest
	results []*v1.EventResult
	reports []engine.EventReport
	places  [][]int                  // of each report, the positions of its events in the request
	at      map[engine.PersonRef]int // whom -> the report
	offer   *engine.OfferAnswer
}

// read answers the faulty events and gives every other one its person's report.
func (in *eventCall) read() {
	now := in.engine.Now()
	for i, e := range in.request.GetEvents() {
		event, f := in.readEvent(in.caller, e)
		if f.code != 0 {
			in.results[i] = refusedEvent(e.GetId(), f)
			continue
		}
		who := engine.PersonRef{DeviceID: in.caller.Device}
		if in.caller.Kind == v1.Access_SERVER {
			who = whoOf(e)
		}
		at, known := in.at[who]
		if !known {
			at = len(in.reports)
			in.at[who], in.places = at, append(in.places, nil)
			in.reports = append(in.reports, engine.EventReport{
				Who: who, Received: now, SentAt: instant(in.request.GetSentTime()), Server: in.caller.Kind == v1.Access_SERVER,
				Foreground: in.caller.Kind == v1.Access_PHONE && in.request.GetAppState() == v1.Ping_FOREGROUND,
			})
		}
		in.reports[at].Events, in.places[at] = append(in.reports[at].Events, event), append(in.places[at], i)
	}
}

// take puts one person's answer where the events stand.
func (in *eventCall) take(n int, a *engine.EventsAnswer) error {
	if a.Err != nil {
		f, err := in.whyNot(a.Err)
		if err != nil {
			return err
		}
		for _, i := range in.places[n] {
			in.results[i] = refusedEvent(in.request.GetEvents()[i].GetId(), f)
		}
		return nil
	}
	by := make(map[uuid.UUID]*v1.EventResult, len(in.places[n]))
	for j, i := range in.places[n] {
		in.results[i] = eventResult(in.request.GetEvents()[i].GetId(), a.Events[j])
		if id := in.reports[n].Events[j].ID; by[id] == nil {
			by[id] = in.results[i]
		}
	}
	if in.reports[n].Server {
		for i := range a.Decisions {
			if r := by[a.Decisions[i].MomentID]; r != nil {
				r.Decisions = append(r.Decisions, eventDecisionTo(&a.Decisions[i]))
			}
		}
	}
	if len(a.Offers) > 0 && in.offer == nil {
		in.offer = &a.Offers[0]
	}
	return nil
}

// whyNot is why a person's events were not taken. A phone whose person is gone is told so as a whole.
func (in *eventCall) whyNot(err error) (eventFault, error) {
	gone := errors.Is(err, engine.ErrNotFound) || errors.Is(err, engine.ErrGone)
	switch {
	case gone && in.caller.Kind == v1.Access_PHONE:
		return eventFault{}, unknownDevice()
	case errors.Is(err, engine.ErrNotFound):
		return eventFault{code: v1.EventRefusal_PERSON_UNKNOWN, field: "who", detail: "the brand knows nobody of this id"}, nil
	case gone:
		return eventFault{code: v1.EventRefusal_PERSON_GONE}, nil
	case in.caller.Kind == v1.Access_PHONE:
		return eventFault{}, err
	}
	return eventFault{code: v1.EventRefusal_TRY_AGAIN}, nil
}
