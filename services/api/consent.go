package api

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/audience"
)

var consentPurposes = map[v1.Consent_Purpose]audience.Purpose{
	v1.Consent_AD_PUSH: audience.AdPush, v1.Consent_AD_PUSH_NIGHT: audience.AdPushNight, v1.Consent_LOC_USE: audience.LocUse,
	v1.Consent_LOC_THIRD_PARTY: audience.LocThirdParty, v1.Consent_LOC_BATCH_NOTICE: audience.LocBatchNotice,
	v1.Consent_LOC_RETAIN: audience.LocRetain, v1.Consent_MARKETING_PROFILE: audience.MarketingProfile,
	v1.Consent_XBORDER: audience.XBorder, v1.Consent_OS_PUSH_PERMISSION: audience.OSPush,
	v1.Consent_OS_LOCATION_PERMISSION: audience.OSLocation,
}

var actors = map[v1.Consent_Actor]string{v1.Consent_SELF: audience.ActorSelf, v1.Consent_GUARDIAN: audience.ActorGuardian}

// consentsFrom reads what a person said. The ids come of the request's, so that a repeat is recognised.
func consentsFrom(r *v1.RecordConsentsRequest, device uuid.UUID, now time.Time) ([]audience.Submission, error) {
	var list []audience.Submission
	var fs faults
	for i, g := range r.GetConsents() {
		field := fmt.Sprintf("consents[%d]", i)
		s := audience.Submission{PreTicked: g.GetPreTicked(), Bundled: g.GetBundled()}
		s.ConsentEvent = audience.ConsentEvent{
			ID: uuid.NewSHA1(parseID(r.GetRequestId()), []byte(device.String()+field)), Purpose: consentPurposes[g.GetPurpose()],
			Granted: g.GetState() == v1.Consent_GRANTED, OccurredAt: corrected(g.GetOccurredTime(), r.GetSentTime(), now),
			NoticeVersion: g.GetNoticeVersion(), NoticeHash: hex.EncodeToString(g.GetNoticeHash()), Locale: g.GetLocale(),
			Screen: g.GetScreen(), Actor: actors[g.GetActor()], DeviceID: device,
			Recipient: g.GetRecipient(), RecipientPurpose: g.GetRecipientPurpose(),
		}
		consentFaults(g, field, &fs)
		names := fieldNames{prefix: field + ".", names: map[string]string{"occurred_at": "occurred_time"}, reasons: map[string]v1.ErrorReason_Code{
			"pre_ticked": v1.ErrorReason_CONSENT_PRE_TICKED, "bundled": v1.ErrorReason_CONSENT_BUNDLED, "locale": v1.ErrorReason_LOCALE_INVALID,
		}}
		for _, f := range faultsOf(s.Validate(now), names) {
			f.Values = []string{"purpose", g.GetPurpose().String()}
			fs = append(fs, f)
		}
		list = append(list, s)
	}
	return list, fs.err()
}

// consentFaults refuses what could not be kept as it was said: a consent must never count for more than it was.
func consentFaults(g *v1.Consent, field string, fs *faults) {
	if g.GetState() != v1.Consent_GRANTED {
		return
	}
	values := []string{"purpose", g.GetPurpose().String()}
	permission := g.GetPurpose() == v1.Consent_OS_PUSH_PERMISSION || g.GetPurpose() == v1.Consent_OS_LOCATION_PERMISSION
	if len(g.GetNoticeHash()) == 0 && !permission {
		fs.add(field+".notice_hash", v1.ErrorReason_INVALID_FIELD, "missing: which text was agreed to?", values...)
	}
	fs.unsupported(g.GetPurpose() == v1.Consent_LOC_RETAIN, field+".purpose", "visit history is not kept")
	fs.unsupported(g.GetExpireTime() != nil && g.GetPurpose() != v1.Consent_LOC_RETAIN, field+".expire_time", "withdraw the consent instead")
	fs.unsupported(g.GetGuardianMethod() != "", field+".guardian_method", "how a guardian was verified is not kept")
}

// dependsFault puts the rules between consents into the contract's words. The engine's error begins with the consent it
// is about.
func dependsFault(err error) error {
	if err == nil {
		return nil
	}
	var names fieldNames
	if at, _, ok := strings.Cut(err.Error(), ": "); ok && strings.HasPrefix(at, "consents[") {
		names.prefix = at + "."
	}
	fs := faultsOf(err, names)
	for i := range fs {
		if strings.HasSuffix(fs[i].Field, "purpose") {
			fs[i].Reason = v1.ErrorReason_CONSENT_DEPENDS
			fs[i].Values = []string{"purpose", v1.Consent_AD_PUSH_NIGHT.String(), "needs", v1.Consent_AD_PUSH.String()}
		}
	}
	if fs != nil {
		return fs.err()
	}
	return err
}

// consentsTo lists what holds now, with what is known of how it was said.
func (s *Server) consentsTo(ctx context.Context, brandID, device uuid.UUID) ([]*v1.Consent, error) {
	profile, events, err := s.engine.Consents(ctx, brandID, device)
	if err != nil {
		return nil, missing(err, v1.ErrorReason_DEVICE_NOT_FOUND, "device_id", device.String())
	}
	said := map[uuid.UUID]*audience.ConsentEvent{}
	for i := range events {
		said[events[i].ID] = &events[i]
	}
	var list []*v1.Consent
	for purpose, stands := range profile.Consents {
		list = append(list, consentTo(purpose, stands, said[stands.EventID]))
	}
	for recipient, stands := range profile.ThirdParties {
		c := consentTo(audience.LocThirdParty, stands, said[stands.EventID])
		c.Recipient, c.RecipientPurpose = recipient, stands.For
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *v1.Consent) int {
		return cmp.Or(cmp.Compare(a.GetPurpose(), b.GetPurpose()), cmp.Compare(a.GetRecipient(), b.GetRecipient()))
	})
	return list, nil
}

// consentTo is where a consent stands. e is the act that made it so; nil: it is not known.
func consentTo(purpose audience.Purpose, stands audience.Standing, e *audience.ConsentEvent) *v1.Consent {
	c := &v1.Consent{Purpose: keyOf(consentPurposes, purpose), State: v1.Consent_WITHDRAWN, OccurredTime: stamp(stands.At)}
	if stands.Granted {
		c.State = v1.Consent_GRANTED
	}
	if e != nil {
		c.NoticeVersion, c.Locale, c.Screen, c.Actor = e.NoticeVersion, e.Locale, e.Screen, keyOf(actors, e.Actor)
		c.NoticeHash, _ = hex.DecodeString(e.NoticeHash)
	}
	return c
}
