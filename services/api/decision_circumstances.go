package api

import (
	"context"

	"github.com/google/uuid"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

var rowStandings = map[engine.RowStanding]v1.Circumstances_Standing{
	engine.Ready: v1.Circumstances_READY, engine.LedgerFull: v1.Circumstances_LEDGER_FULL, engine.NewerState: v1.Circumstances_NEWER_STATE,
	engine.Unreadable: v1.Circumstances_UNREADABLE, engine.HandedOver: v1.Circumstances_HANDED_OVER, engine.Erasing: v1.Circumstances_ERASING,
}

var addressStandings = map[audience.Unreachable]v1.Circumstances_DeviceStanding_Address{
	audience.IsReachable: v1.Circumstances_DeviceStanding_LIVE, audience.AddressMissing: v1.Circumstances_DeviceStanding_MISSING,
	audience.AddressIsGone: v1.Circumstances_DeviceStanding_GONE, audience.AddressInQuarantine: v1.Circumstances_DeviceStanding_QUARANTINED,
	audience.OSPushIsRefused: v1.Circumstances_DeviceStanding_OS_REFUSED,
}

func circumstancesTo(c *engine.Circumstances, in campaign.Speaker) *v1.Circumstances {
	out := &v1.Circumstances{AsOfTime: stamp(c.At), Standing: rowStandings[c.Standing], LastContactTime: stamp(c.LastContact)}
	for i := range c.Obstacles {
		out.Obstacles = append(out.Obstacles, obstacleTo(&c.Obstacles[i], in))
	}
	if c.Profile != nil {
		standingTo(c, out)
	}
	for i := range c.Devices {
		out.Devices = append(out.Devices, deviceStandingTo(&c.Devices[i]))
	}
	for _, p := range c.Pings {
		out.Pings = append(out.Pings, &v1.Circumstances_PingCount{HourTime: stamp(p.Hour), Verdict: string(p.Verdict), Count: int32(p.Count)})
	}
	for i := range c.Prospects {
		p := &c.Prospects[i]
		one := &v1.Circumstances_Prospect{
			CampaignId: p.Campaign.ID.String(), CampaignExternalId: p.Campaign.ExternalID, CampaignDisplayName: p.Campaign.Name,
			Kind: keyOf(momentKinds, p.Kind), NotNear: p.NotNear,
		}
		if p.Reason != "" {
			one.Obstacle = obstacleTo(&p.Obstacle, in)
		}
		out.Prospects = append(out.Prospects, one)
	}
	return out
}

func obstacleTo(o *engine.Obstacle, in campaign.Speaker) *v1.Circumstances_Obstacle {
	gate, code, values := judge(string(o.Reason), o.Values)
	out := &v1.Circumstances_Obstacle{Gate: gate, Reason: code, Values: values}
	out.Sentence, out.Sentences = said(in, o.Reason, o.Values)
	return out
}

// standingTo tells what the person and the phone's system said last, in the order of the contract.
func standingTo(c *engine.Circumstances, out *v1.Circumstances) {
	for number := int32(1); v1.Consent_Purpose_name[number] != ""; number++ {
		purpose := v1.Consent_Purpose(number)
		told, known := c.Profile.Consents[consentPurposes[purpose]]
		if !known {
			continue
		}
		state := v1.Consent_WITHDRAWN
		if told.Granted {
			state = v1.Consent_GRANTED
		}
		out.Consents = append(out.Consents, &v1.Circumstances_ConsentStanding{Purpose: purpose, State: state, OccurredTime: stamp(told.At)})
	}
	if !c.Profile.Paused(c.At) {
		return
	}
	out.PauseStartTime = stamp(c.Profile.PausedFrom)
	if c.Profile.PausedUntil.Before(audience.Forever) {
		out.PauseEndTime = stamp(c.Profile.PausedUntil)
	}
}

func deviceStandingTo(d *engine.DeviceStanding) *v1.Circumstances_DeviceStanding {
	out := &v1.Circumstances_DeviceStanding{
		DeviceId: d.ID.String(), ExternalId: d.ExternalID, Platform: keyOf(platforms, d.Platform), LastContactTime: stamp(d.LastContact),
		Address: addressStandings[d.Unreachable],
	}
	if d.Device.Address != nil {
		out.Provider = keyOf(providers, d.Device.Address.Provider)
	}
	if a := d.Address; a != nil {
		out.AddressChange, out.AddressCode, out.AddressChangeTime = a.Change, a.Code, stamp(a.At)
	}
	if d.LastDelivery != nil {
		out.LastDelivery = deliveryTo(d.LastDelivery)
	}
	return out
}

// refusedCredentials are the providers that refuse the brand's own credential, with their last code.
func (s *Server) refusedCredentials(ctx context.Context, brandID uuid.UUID) (map[string]string, error) {
	if s.credentialStates == nil {
		return nil, nil
	}
	states, err := s.credentialStates(ctx, brandID)
	if err != nil {
		return nil, err
	}
	var refused map[string]string
	for _, c := range s.engine.Credentials(brandID) {
		if state, known := states[c.ID]; known && state.Refused() {
			if refused == nil {
				refused = map[string]string{}
			}
			refused[keyOf(providers, c.Provider).String()] = state.RefusedCode
		}
	}
	return refused, nil
}
