package api

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/wantgo/wantgo/geo/presence"
	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// What the contract names as defaults where presence has others: they suit a shop.
const (
	defaultDwell        = 5 * time.Minute
	defaultMaximumSpeed = 7 // m/s
)

var policies = map[v1.PresenceRules_Policy]presence.Policy{
	v1.PresenceRules_EXACT: presence.Exact, v1.PresenceRules_STANDARD: presence.Standard, v1.PresenceRules_STRICT: presence.Strict,
}

var alreadyInside = map[v1.PresenceRules_AlreadyInside]presence.AlreadyInside{
	v1.PresenceRules_IGNORE: presence.Ignore, v1.PresenceRules_ENTER: presence.Enter, v1.PresenceRules_START_DWELL: presence.DwellOnly,
}

// rulesOf are a policy's thresholds with the contract's defaults.
func rulesOf(policy presence.Policy) presence.Rules {
	r := presence.Defaults(policy)
	r.Dwell = defaultDwell
	if policy != presence.Exact {
		r.MaxSpeed = defaultMaximumSpeed
	}
	return r
}

// overlay puts what is set over the base. Of another policy the margins are the policy's own.
func overlay(base presence.Rules, given *v1.PresenceRules) presence.Rules {
	r := base
	if policy := given.GetPolicy(); policy != v1.PresenceRules_POLICY_UNSPECIFIED && policies[policy] != base.Policy {
		r = rulesOf(policies[policy])
		r.Dwell, r.AlreadyInside = base.Dwell, base.AlreadyInside
		r.ApproachDistance, r.ApproachTime = base.ApproachDistance, base.ApproachTime
		if base.Policy != presence.Exact && r.Policy != presence.Exact {
			r.Silence, r.MaxSpeed = base.Silence, base.MaxSpeed
		}
	}
	if given.ExitMarginMeters != nil {
		r.ExitMargin = given.GetExitMarginMeters()
		r.EnterMargin = min(r.EnterMargin, r.ExitMargin/2) // the exit margin is always the larger one
	}
	if given.MaximumSpeedMps != nil {
		r.MaxSpeed = given.GetMaximumSpeedMps()
	}
	r.Dwell = duration(given.GetDwell(), r.Dwell)
	r.Silence = duration(given.GetSilence(), r.Silence)
	if given.ApproachDistanceMeters != nil {
		r.ApproachDistance = given.GetApproachDistanceMeters()
	}
	r.ApproachTime = duration(given.GetApproachTime(), r.ApproachTime)
	if given.GetAlreadyInside() != v1.PresenceRules_ALREADY_INSIDE_UNSPECIFIED {
		r.AlreadyInside = alreadyInside[given.GetAlreadyInside()]
	}
	return r
}

// presenceFrom reads a brand's rules: those of fences and those of pings.
func presenceFrom(given *v1.PresenceRules, mock v1.BrandSettings_MockPolicy) (presence.Rules, presence.DeviceRules) {
	policy := policies[given.GetPolicy()] // unspecified: standard, the zero policy
	device := presence.DeviceDefaults(policy)
	device.RefuseMock = mock != v1.BrandSettings_ACCEPT
	if given == nil {
		return rulesOf(policy), device
	}
	device.Freshness = duration(given.GetLateAfter(), device.Freshness)
	if given.UnknownAccuracyMeters != nil {
		device.DefaultAccuracy = given.GetUnknownAccuracyMeters()
	}
	if given.MaximumAccuracyMeters != nil {
		device.MaxAccuracy = given.GetMaximumAccuracyMeters()
	}
	return overlay(rulesOf(policy), given), device
}

func presenceTo(r presence.Rules, device *presence.DeviceRules) *v1.PresenceRules {
	out := &v1.PresenceRules{
		Policy: keyOf(policies, r.Policy), Dwell: durationpb.New(r.Dwell),
		ExitMarginMeters: &r.ExitMargin, MaximumSpeedMps: &r.MaxSpeed, AlreadyInside: keyOf(alreadyInside, r.AlreadyInside),
	}
	if r.Silence >= time.Minute {
		out.Silence = durationpb.New(r.Silence)
	}
	if r.ApproachDistance > 0 || r.ApproachTime > 0 {
		out.ApproachDistanceMeters, out.ApproachTime = &r.ApproachDistance, durationpb.New(r.ApproachTime)
	}
	if device == nil {
		return out
	}
	if device.Freshness >= time.Second {
		out.LateAfter = durationpb.New(device.Freshness)
	}
	if device.DefaultAccuracy > 0 {
		out.UnknownAccuracyMeters = &device.DefaultAccuracy
	}
	if device.MaxAccuracy > 0 {
		out.MaximumAccuracyMeters = &device.MaxAccuracy
	}
	return out
}

// fenceRulesFrom reads what a fence has of its own over the brand's rules; nil: nothing.
func fenceRulesFrom(given *v1.PresenceRules, base presence.Rules, fs *faults) *presence.Rules {
	if given == nil {
		return nil
	}
	const what = "a setting of the brand, not of a fence"
	fs.unsupported(given.LateAfter != nil, "fence.rules.late_after", what)
	fs.unsupported(given.UnknownAccuracyMeters != nil, "fence.rules.unknown_accuracy_meters", what)
	fs.unsupported(given.MaximumAccuracyMeters != nil, "fence.rules.maximum_accuracy_meters", what)
	r := overlay(base, given)
	return &r
}
