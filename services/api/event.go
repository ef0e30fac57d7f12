package api

import (
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

// eventFault is what is wrong with one event.
type eventFault struct {
	code          v1.EventRefusal_Code
	field, detail string
}

// readEvent holds one event against the contract and reads it; the zero fault when it keeps it.
func (s *Server) readEvent(c *Caller, e *v1.AppEvent) (engine.AppEvent, eventFault) {
	if e == nil {
		return engine.AppEvent{}, eventFault{v1.EventRefusal_INVALID_FIELD, "event", "missing"}
	}
	if fs := s.faultsOfMessage(e); len(fs) > 0 {
		return engine.AppEvent{}, eventFault{v1.EventRefusal_INVALID_FIELD, fs[0].Field, fs[0].Text}
	}
	out := eventFrom(e)
	if f := s.readEventStore(c, e, &out); f.code != 0 {
		return out, f
	}
	if c.Kind == v1.Access_SERVER && e.GetWho() == nil {
		return out, eventFault{v1.EventRefusal_PERSON_UNKNOWN, "who", "a server names the person or the device"}
	}
	return out, eventFault{}
}

// faultsOfMessage are the faults of a message by the constraints of the contract.
func (s *Server) faultsOfMessage(e *v1.AppEvent) faults {
	err := s.checkMessage(e, "")
	if err == nil {
		return nil
	}
	if fs := faultsOfStatus(err, "", ""); len(fs) > 0 {
		return fs
	}
	return faults{{Field: "event", Text: err.Error()}}
}

func (s *Server) readEventStore(c *Caller, e *v1.AppEvent, out *engine.AppEvent) eventFault {
	if e.GetStoreId() != "" || e.GetStoreExternalId() != "" {
		found, err := s.stores().find(c, e.GetStoreId(), e.GetStoreExternalId())
		field := "store_id"
		if e.GetStoreId() == "" {
			field = "store_external_id"
		}
		if err != nil {
			return eventFault{v1.EventRefusal_STORE_UNKNOWN, field, "the brand has no such store"}
		}
		out.StoreID = found.ID
	}
	if c.mayStore(out.StoreID) != nil {
		return eventFault{v1.EventRefusal_STORE_NOT_ALLOWED, "store_id", "the key is limited to stores: the event names one of them"}
	}
	return eventFault{}
}

// eventFrom is a checked event for the engine.
func eventFrom(e *v1.AppEvent) engine.AppEvent {
	out := engine.AppEvent{Event: campaign.Event{ID: parseID(e.GetId()), At: e.GetEventTime().AsTime()}}
	basket := func(kind campaign.Kind, b *v1.AppEvent_BasketChange) {
		out.Kind, out.ItemID, out.Quantity = kind, b.GetItemExternalId(), int(b.GetQuantity())
	}
	switch act := e.GetAct().(type) {
	case *v1.AppEvent_Searched:
		out.Kind, out.Keyword = campaign.Searched, act.Searched.GetKeyword()
	case *v1.AppEvent_Viewed:
		out.Kind, out.ItemID = campaign.Viewed, act.Viewed.GetItemExternalId()
	case *v1.AppEvent_Lingered:
		out.Kind, out.ItemID, out.Lingered = campaign.Lingered, act.Lingered.GetItemExternalId(), act.Lingered.GetDuration().AsDuration()
	case *v1.AppEvent_BasketAdded:
		basket(campaign.BasketAdded, act.BasketAdded)
	case *v1.AppEvent_BasketRemoved:
		basket(campaign.BasketRemoved, act.BasketRemoved)
	case *v1.AppEvent_Bought:
		out.Kind = campaign.Bought
		boughtFrom(act.Bought, &out)
	case *v1.AppEvent_Opened:
		out.Kind = engine.AppOpened
	case *v1.AppEvent_Did:
		out.Kind, out.Type, out.Properties = campaign.Did, act.Did.GetType(), act.Did.GetProperties().AsMap()
	}
	return out
}

func boughtFrom(p *v1.AppEvent_Purchase, out *engine.AppEvent) {
	out.Amount, out.Currency, out.PurchaseID, out.CouponCode = p.GetAmount(), p.GetCurrency(), p.GetPurchaseId(), p.GetCouponCode()
	for _, l := range p.GetLines() {
		out.Lines = append(out.Lines, engine.EventLine{ItemID: l.GetItemExternalId(), Quantity: int(l.GetQuantity())})
		out.Quantity += int(l.GetQuantity())
	}
}

// whoOf is whom a server's event names.
func whoOf(e *v1.AppEvent) engine.PersonRef {
	switch who := e.GetWho().(type) {
	case *v1.AppEvent_PersonId:
		return engine.PersonRef{PersonID: parseID(who.PersonId)}
	case *v1.AppEvent_PersonExternalId:
		return engine.PersonRef{PersonExternalID: who.PersonExternalId}
	case *v1.AppEvent_DeviceId:
		return engine.PersonRef{DeviceID: parseID(who.DeviceId)}
	case *v1.AppEvent_DeviceExternalId:
		return engine.PersonRef{DeviceExternalID: who.DeviceExternalId}
	}
	return engine.PersonRef{}
}

// eventResult is what the engine said about an event, by the same names.
func eventResult(id string, a engine.EventAnswer) *v1.EventResult {
	r := &v1.EventResult{EventId: id, Outcome: v1.EventResult_TAKEN, Late: a.Late}
	switch a.Verdict {
	case engine.EventTaken:
	case engine.EventRepeated:
		r.Duplicate = true
	default:
		r.Outcome, r.Field, r.Detail = v1.EventResult_REFUSED, a.Field, a.Detail
		r.Refusal = v1.EventRefusal_Code(v1.EventRefusal_Code_value[string(a.Verdict)])
	}
	return r
}

func refusedEvent(id string, f eventFault) *v1.EventResult {
	return &v1.EventResult{EventId: id, Outcome: v1.EventResult_REFUSED, Refusal: f.code, Field: f.field, Detail: f.detail}
}

// eventDecisionTo is a decision as a server is told of it.
func eventDecisionTo(d *engine.DecisionAnswer) *v1.Decision {
	gate, code, values := judge(d.Reason, d.Values)
	out := &v1.Decision{
		Id: d.ID.String(), CampaignId: formatID(d.CampaignID), Gate: gate, Reason: code, Values: values, DecisionTime: timestamppb.New(time.UnixMilli(d.At)),
		Moment: &v1.Decision_Occasion{DeviceId: formatID(d.DeviceID), PlaceDropped: true},
	}
	if kind, err := campaign.ParseKind(d.Kind); err == nil {
		out.Moment.Kind = keyOf(momentKinds, kind)
	}
	if d.NotificationID != uuid.Nil {
		out.Notification = &v1.Notification{Id: d.NotificationID.String(), CouponId: formatID(d.CouponID)}
	}
	return out
}
