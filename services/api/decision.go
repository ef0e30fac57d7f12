package api

import (
	"maps"

	"github.com/google/uuid"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

// judgement is a domain reason in the contract's words: the gate that said it and its code.
type judgement struct {
	gate v1.Decision_Gate
	code v1.DecisionReason_Code
}

var judgements = map[campaign.Reason]judgement{
	campaign.Won:                  {v1.Decision_NONE, v1.DecisionReason_WON},
	campaign.Outranked:            {v1.Decision_NONE, v1.DecisionReason_OUTRANKED},
	campaign.FilingMissing:        {v1.Decision_FILING, v1.DecisionReason_CODE_UNSPECIFIED},
	campaign.AgeUnknown:           {v1.Decision_AGE, v1.DecisionReason_CODE_UNSPECIFIED},
	campaign.GuardianMissing:      {v1.Decision_AGE, v1.DecisionReason_CODE_UNSPECIFIED},
	campaign.LocationPaused:       {v1.Decision_PAUSE, v1.DecisionReason_PAUSED},
	campaign.LocationNotConsented: {v1.Decision_LOCATION_CONSENT, v1.DecisionReason_LOCATION_CONSENT_WITHDRAWN},
	campaign.RecordNotWritten:     {v1.Decision_LOCATION_RECORD, v1.DecisionReason_CODE_UNSPECIFIED},
	campaign.SensitivePlace:       {v1.Decision_SENSITIVE_PLACE, v1.DecisionReason_CODE_UNSPECIFIED},
	campaign.NotFresh:             {v1.Decision_FRESH, v1.DecisionReason_PING_LATE},
	campaign.CampaignNotLive:      {v1.Decision_LIVE, v1.DecisionReason_CAMPAIGN_NOT_LIVE},
	campaign.OutsideDates:         {v1.Decision_LIVE, v1.DecisionReason_AFTER_END},
	campaign.OutsideHours:         {v1.Decision_LIVE, v1.DecisionReason_OUTSIDE_HOURS},
	campaign.StoreClosed:          {v1.Decision_LIVE, v1.DecisionReason_STORE_CLOSED},
	campaign.BrandStopped:         {v1.Decision_LIVE, v1.DecisionReason_BRAND_STOPPED},
	campaign.Cooldown:             {v1.Decision_CAPS, v1.DecisionReason_COOLDOWN},
	campaign.CapReached:           {v1.Decision_CAPS, v1.DecisionReason_CAP_REACHED},
	campaign.MinimumGap:           {v1.Decision_CAPS, v1.DecisionReason_MINIMUM_GAP},
	campaign.PersonLimit:          {v1.Decision_COUPON, v1.DecisionReason_PERSON_COUPON_LIMIT},
	campaign.StockGone:            {v1.Decision_COUPON, v1.DecisionReason_STOCK_EXHAUSTED},
	campaign.AdNotConsented:       {v1.Decision_AD_CONSENT, v1.DecisionReason_AD_CONSENT_MISSING},
	campaign.QuietHours:           {v1.Decision_QUIET_HOURS, v1.DecisionReason_QUIET_HOURS},
	campaign.Unreachable:          {v1.Decision_REACH, v1.DecisionReason_NO_PUSH_ADDRESS},
	campaign.TextRefused:          {v1.Decision_TEXT, v1.DecisionReason_TEXT_REFUSED},
}

// finer are the codes of reasons that say more in their value "why".
var finer = map[campaign.Reason]map[string]v1.DecisionReason_Code{
	campaign.StockGone: {"offer_over": v1.DecisionReason_OFFER_OVER, "stock_unknown": v1.DecisionReason_STOCK_UNAVAILABLE},
	campaign.Unreachable: {
		"ADDRESS_GONE": v1.DecisionReason_PUSH_ADDRESS_DROPPED, "ADDRESS_QUARANTINED": v1.DecisionReason_PUSH_ADDRESS_DROPPED,
		"OS_PUSH_REFUSED": v1.DecisionReason_OS_PUSH_DENIED, "CREDENTIAL_MISSING": v1.DecisionReason_CREDENTIAL_MISSING,
	},
	campaign.TextRefused: {
		"sender_missing": v1.DecisionReason_SENDER_MISSING, "variable_missing": v1.DecisionReason_TEXT_VARIABLE_MISSING,
		"no_text": v1.DecisionReason_TEXT_LOCALE_MISSING,
	},
	campaign.OutsideDates: {"before_start": v1.DecisionReason_BEFORE_START},
}

// judge finds a reason's code; one that the contract does not know yet keeps its name among the values.
func judge(reason string, values map[string]string) (judgement, map[string]string) {
	known, ok := judgements[campaign.Reason(reason)]
	if code, more := finer[campaign.Reason(reason)][values["why"]]; more {
		known.code = code
	}
	if !ok || known.code == v1.DecisionReason_CODE_UNSPECIFIED {
		values = maps.Clone(values)
		if values == nil {
			values = map[string]string{}
		}
		values["reason"] = reason
	}
	return known, values
}

var deliveryStates = map[v1.Delivery_State]pusher.State{
	v1.Delivery_PENDING: pusher.Pending, v1.Delivery_ACCEPTED: pusher.Accepted, v1.Delivery_FAILED: pusher.Failed,
	v1.Delivery_EXPIRED: pusher.Expired, v1.Delivery_SUPPRESSED: pusher.Suppressed, v1.Delivery_CANCELLED: pusher.Cancelled,
}

func (s *Server) decisionTo(brandID, person uuid.UUID, row *engine.TraceRow, deliveries []pusher.Delivery, locale string) *v1.Decision {
	j, values := judge(row.Reason, row.Values)
	out := &v1.Decision{
		Id: row.ID.String(), PersonId: person.String(), CampaignId: formatID(row.CampaignID), CampaignVersion: int32(row.CampaignRev),
		Gate: j.gate, Reason: j.code, Values: values, DecisionTime: stamp(row.At), Moment: s.momentTo(brandID, row),
	}
	if c, err := s.engine.Campaign(brandID, row.CampaignID); err == nil {
		out.CampaignExternalId, out.CampaignDisplayName = c.ExternalID, c.Name
	}
	out.Sentence = sentence(j.code, locale, row.Reason, values)
	if row.NotificationID != uuid.Nil {
		out.Notification = notificationTo(row, deliveries)
	}
	return out
}

// momentTo says what happened, and where while that is kept.
func (s *Server) momentTo(brandID uuid.UUID, row *engine.TraceRow) *v1.Decision_Moment {
	out := &v1.Decision_Moment{DeviceId: formatID(row.DeviceID), MomentTime: stamp(row.At), PlaceDropped: row.Place == nil}
	if kind, err := campaign.ParseKind(row.Kind); err == nil {
		out.Transition = keyOf(kinds, kind)
	}
	if row.Place == nil {
		return out
	}
	out.MomentTime, out.FenceId, out.StoreId = stamp(row.Place.At), formatID(row.Place.FenceID), formatID(row.Place.StoreID)
	if f, err := s.engine.Fence(brandID, row.Place.FenceID); err == nil {
		out.FenceExternalId = f.ExternalID
	}
	if at, err := s.engine.Store(brandID, row.Place.StoreID); err == nil {
		out.StoreExternalId = at.ExternalID
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
		out.Deliveries = append(out.Deliveries, &v1.Delivery{
			Id: d.ID.String(), DeviceId: d.DeviceID.String(), Provider: keyOf(providers, d.Provider),
			State: keyOf(deliveryStates, d.State), Attempts: int32(d.Attempt),
		})
	}
	return out
}
