package api

import (
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

// judge says a domain reason in the contract's words, where it has the same name, and the gate that gave it. A reason of
// another version keeps its name among the values.
func judge(reason string, values map[string]string) (v1.Decision_Gate, v1.DecisionReason_Code, map[string]string) {
	code, known := v1.DecisionReason_Code_value[reason]
	if !known {
		values = maps.Clone(values)
		if values == nil {
			values = map[string]string{}
		}
		values["reason"] = reason
		return v1.Decision_GATE_UNSPECIFIED, v1.DecisionReason_CODE_UNSPECIFIED, values
	}
	if gate := campaign.Reason(reason).Gate(); gate > 0 {
		return v1.Decision_Gate(gate), v1.DecisionReason_Code(code), values
	}
	return v1.Decision_NONE, v1.DecisionReason_Code(code), values
}

var deliveryStates = map[v1.Delivery_State]pusher.State{
	v1.Delivery_PENDING: pusher.Pending, v1.Delivery_ACCEPTED: pusher.Accepted, v1.Delivery_FAILED: pusher.Failed,
	v1.Delivery_EXPIRED: pusher.Expired, v1.Delivery_SUPPRESSED: pusher.Suppressed, v1.Delivery_CANCELLED: pusher.Cancelled,
}

func (s *Server) decisionTo(brandID, person uuid.UUID, row *engine.TraceRow, deliveries []pusher.Delivery, in campaign.Speaker) *v1.Decision {
	gate, code, values := judge(row.Reason, row.Values)
	out := &v1.Decision{
		Id: row.ID.String(), PersonId: person.String(), CampaignId: formatID(row.CampaignID), CampaignVersion: int32(row.CampaignRev),
		Gate: gate, Reason: code, Values: values, DecisionTime: stamp(row.At), Moment: s.momentTo(brandID, row, in.Locale),
		Arm: row.Arm, Test: row.Test,
	}
	if c, err := s.engine.Campaign(brandID, row.CampaignID); err == nil {
		out.CampaignExternalId, out.CampaignDisplayName = c.ExternalID, c.Name
	}
	out.Sentence, out.Sentences = said(in, campaign.Reason(row.Reason), row.Values)
	for _, g := range engine.GatesOf(&row.Trace) {
		out.Gates = append(out.Gates, &v1.Decision_GateAnswer{Gate: v1.Decision_Gate(g.Number), Verdict: gateVerdicts[g.Verdict], Values: g.Values})
	}
	if row.NotificationID != uuid.Nil {
		out.Notification = notificationTo(row, deliveries)
	}
	return out
}

var gateVerdicts = map[engine.GateVerdict]v1.Decision_GateAnswer_Verdict{
	engine.GatePassed: v1.Decision_GateAnswer_PASSED, engine.GateRefused: v1.Decision_GateAnswer_REFUSED, engine.GateNotAsked: v1.Decision_GateAnswer_NOT_ASKED,
}

// said is a reason in the language that was asked for, and in every language there is.
func said(in campaign.Speaker, reason campaign.Reason, values map[string]string) (sentence string, all map[string]string) {
	all = make(map[string]string, 2)
	for _, language := range []string{"en", "ko"} {
		other := in
		other.Locale = language
		all[language] = other.Say(reason, values)
	}
	return in.Say(reason, values), all
}

// speaker says reasons in a locale, with the times and campaigns of a brand.
func (s *Server) speaker(b *brand.Brand, locale string) campaign.Speaker {
	return campaign.Speaker{Locale: locale, Zone: b.Settings.Zone(), Name: func(id uuid.UUID) string {
		c, err := s.engine.Campaign(b.ID, id)
		if err != nil {
			return ""
		}
		return c.Name
	}}
}

// momentTo says what happened, and where while that is kept.
func (s *Server) momentTo(brandID uuid.UUID, row *engine.TraceRow, locale string) *v1.Decision_Occasion {
	out := &v1.Decision_Occasion{DeviceId: formatID(row.DeviceID), MomentTime: stamp(row.At), PlaceDropped: row.Place == nil}
	if kind, err := campaign.ParseKind(row.Kind); err == nil {
		out.Kind = keyOf(momentKinds, kind)
		if kind.ByFence() {
			out.Transition = v1.Transition_Kind(out.Kind)
		}
	}
	if row.Place == nil {
		return out
	}
	out.MomentTime, out.FenceId, out.StoreId = stamp(row.Place.At), formatID(row.Place.FenceID), formatID(row.Place.StoreID)
	if f, err := s.engine.Fence(brandID, row.Place.FenceID); err == nil {
		out.FenceExternalId = f.ExternalID
	}
	if at, err := s.engine.Store(brandID, row.Place.StoreID); err == nil {
		out.StoreExternalId, out.StoreDisplayName = at.ExternalID, nameIn(at.Names, locale)
	}
	return out
}

func notificationTo(row *engine.TraceRow, deliveries []pusher.Delivery) *v1.Notification {
	out := &v1.Notification{Id: row.NotificationID.String(), Channel: v1.Notification_PUSH, PlannedTime: stamp(row.At), CouponId: formatID(row.CouponID)}
	if row.Channel == campaign.ChannelInApp {
		out.Channel = v1.Notification_IN_APP
	}
	for i := range deliveries {
		d := &deliveries[i]
		out.DeadlineTime = stamp(d.Deadline)
		out.Deliveries = append(out.Deliveries, deliveryTo(d))
	}
	return out
}

func deliveryTo(d *pusher.Delivery) *v1.Delivery {
	return &v1.Delivery{
		Id: d.ID.String(), DeviceId: d.DeviceID.String(), Provider: keyOf(providers, d.Provider),
		State: keyOf(deliveryStates, d.State), Attempts: int32(d.Attempt), Reason: v1.DecisionReason_Code(v1.DecisionReason_Code_value[d.Code]),
		ProviderCode: d.Code,
	}
}

// nameIn is a name in a locale, in its language, or whichever there is.
func nameIn(names map[string]string, locale string) string {
	language, _, _ := strings.Cut(locale, "-")
	for _, wanted := range []string{locale, language, ""} {
		if name := names[wanted]; name != "" {
			return name
		}
	}
	for _, known := range slices.Sorted(maps.Keys(names)) {
		if names[known] != "" {
			return names[known]
		}
	}
	return ""
}
