package webhook

import (
	"crypto/sha256"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/store"
)

// The body's JSON is that of wantgo.v1.WebhookEvent.
type (
	body struct {
		Type      string     `json:"type"`
		Timestamp *time.Time `json:"timestamp,omitempty"`
		Data      bodyData   `json:"data"`
	}
	bodyData struct {
		Date             string      `json:"date"`
		BrandID          string      `json:"brandId"`
		PersonID         string      `json:"personId,omitempty"`
		PersonExternalID string      `json:"personExternalId,omitempty"`
		Visit            *visit      `json:"visit,omitempty"`
		Decision         *decision   `json:"decision,omitempty"`
		Delivery         *delivery   `json:"delivery,omitempty"`
		Redemption       *redemption `json:"redemption,omitempty"`
		Erasure          *erasure    `json:"erasure,omitempty"`
	}
	visit struct {
		ID              string `json:"id"`
		DeviceID        string `json:"deviceId,omitempty"`
		StoreID         string `json:"storeId,omitempty"`
		StoreExternalID string `json:"storeExternalId,omitempty"`
		FenceID         string `json:"fenceId,omitempty"`
		Reason          string `json:"reason,omitempty"`
	}
	decision struct {
		ID              string `json:"id"`
		CampaignID      string `json:"campaignId,omitempty"`
		Reason          string `json:"reason"`
		Channel         string `json:"channel,omitempty"`
		NotificationID  string `json:"notificationId,omitempty"`
		CouponID        string `json:"couponId,omitempty"`
		Moment          string `json:"moment,omitempty"`
		StoreID         string `json:"storeId,omitempty"`
		StoreExternalID string `json:"storeExternalId,omitempty"`
	}
	delivery struct {
		ID             string `json:"id"`
		NotificationID string `json:"notificationId"`
		CampaignID     string `json:"campaignId,omitempty"`
		State          string `json:"state"`
		ProviderCode   string `json:"providerCode,omitempty"`
		Provider       string `json:"provider,omitempty"`
	}
	redemption struct {
		ID              string `json:"id"`
		CouponID        string `json:"couponId"`
		CampaignID      string `json:"campaignId,omitempty"`
		StoreID         string `json:"storeId,omitempty"`
		StoreExternalID string `json:"storeExternalId,omitempty"`
	}
	erasure struct {
		ReceiptID string `json:"receiptId"`
	}
)

// telling is one letter being put into words.
type telling struct {
	hook   *brand.Webhook
	brand  *brand.Brand
	stores func(id uuid.UUID) (*store.Store, error)
	now    time.Time
	// refused: the person was found not to agree (any more) when the record was to be written.
	refused bool
}

// agrees tells whether the person's location may be used now: for a third party, by a consent that names it.
func (t *telling) agrees(f *Fact) bool {
	if f.Profile == nil || t.refused {
		return false
	}
	if t.third() {
		_, ok := audience.MayProvide(f.Profile, t.brand, t.hook.RecipientName, t.hook.RecipientPurpose, t.now)
		return ok
	}
	ok, _ := audience.MayLocate(f.Profile, t.brand, t.now)
	return ok
}

func (t *telling) third() bool { return t.hook.Recipient == brand.ThirdParty }

// withheld tells what is told to nobody: facts that are gone, and visits of people who do not agree (any more) to the
// use of their location. A third party is not told of a decision then either: that there was one says as much.
func (t *telling) withheld(l *Letter, f *Fact) bool {
	if f.Gone || !l.Event.Locates() {
		return f.Gone
	}
	return (l.Event != brand.DecisionMade || t.third()) && !t.agrees(f)
}

// full tells whether store and time of day may be told.
func (t *telling) full(l *Letter, f *Fact) bool {
	if l.Event == brand.PersonErased {
		return !t.third()
	}
	return t.hook.Place && t.agrees(f)
}

// early is how long a letter of which a third party may not be told the time of day (any more) has to wait: until the day
// is over on which it happened. Zero: it may go.
func (t *telling) early(l *Letter, f *Fact) time.Duration {
	if !t.third() || l.Event == brand.PersonErased || t.full(l, f) {
		return 0
	}
	return max(engine.EndOfDay(t.at(l, f), t.brand.Settings.Zone()).Sub(t.now), 0)
}

// provides tells whether a letter tells a third party where or when the person was.
func (t *telling) provides(l *Letter, f *Fact) bool { return t.third() && t.full(l, f) }

// use is the record of what a telling uses of the person's location; false: nothing, or it is another's to write, see
// [Brands].
func (t *telling) use(l *Letter, f *Fact) (engine.LocationUse, bool) {
	if t.third() || !l.Event.Locates() || !t.full(l, f) {
		return engine.LocationUse{}, false
	}
	return engine.LocationUse{
		ID: l.ID, Purpose: "loc_use", Method: "webhook", Path: "os_api", Recipient: t.hook.RecipientName,
		ConsentID: f.Profile.Consents[audience.LocUse].EventID, From: t.now, Until: t.now,
	}, true
}

// say is the body.
func (t *telling) say(l *Letter, f *Fact) ([]byte, error) {
	full := t.full(l, f)
	at := t.at(l, f)
	b := body{Type: string(l.Event), Data: bodyData{
		Date: at.In(t.brand.Settings.Zone()).Format(time.DateOnly), BrandID: t.brand.ID.String(), PersonID: l.Key.PersonID.String(),
	}}
	if full {
		at = at.UTC().Truncate(time.Millisecond)
		b.Timestamp = &at
	}
	switch {
	case t.third():
		b.Data.PersonID = t.standIn(l.Key.PersonID).String()
	case f.Profile != nil:
		b.Data.PersonExternalID = f.Profile.ExternalID
	default:
		b.Data.PersonExternalID = l.ExternalID
	}
	id := t.ids(full && !t.third())
	switch {
	case l.Event == brand.DecisionMade:
		b.Data.Decision = t.decision(f, id, full)
	case l.Event == brand.DeliveryEnded:
		d := f.Delivery
		b.Data.Delivery = &delivery{ID: id(d.ID), NotificationID: id(d.Notification.ID), CampaignID: text(d.CampaignID), State: string(d.State),
			ProviderCode: d.Code, Provider: string(d.Provider)}
	case l.Event == brand.CouponRedeemed:
		b.Data.Redemption = t.redemption(f, id, full)
	case l.Event == brand.PersonErased:
		b.Data.Erasure = &erasure{ReceiptID: id(f.Erased.Receipt)}
	default:
		b.Data.Visit = t.visit(l, f, id, full)
	}
	return json.Marshal(&b)
}

// at is when it happened.
func (t *telling) at(l *Letter, f *Fact) time.Time {
	switch {
	case f.Erased != nil:
		return f.Erased.At
	case f.Coupon != nil && f.Coupon.Redemption != nil:
		return f.Coupon.Redemption.At
	case f.Trace != nil:
		return f.Trace.At
	case f.Delivery != nil && !f.EndedAt.IsZero():
		return f.EndedAt
	case f.Place != nil:
		return f.Place.At
	}
	return l.At
}

func (t *telling) visit(l *Letter, f *Fact, id func(uuid.UUID) string, full bool) *visit {
	v := &visit{ID: id(l.FactID)}
	if f.Place == nil || !full {
		return v
	}
	v.FenceID = text(f.Place.FenceID)
	if !t.third() {
		v.DeviceID = text(f.Place.DeviceID)
	}
	v.StoreID, v.StoreExternalID = t.store(f.Place.StoreID)
	if l.Event == brand.VisitExited {
		v.Reason = f.Place.Reason.String()
	}
	return v
}

func (t *telling) decision(f *Fact, id func(uuid.UUID) string, full bool) *decision {
	d := &decision{ID: id(f.Trace.ID), CampaignID: text(f.Trace.CampaignID), Reason: f.Trace.Reason, Channel: f.Trace.Channel,
		NotificationID: id(f.Trace.NotificationID), CouponID: id(f.Trace.CouponID)}
	if full {
		d.Moment = f.Trace.Kind
	}
	if full && f.Place != nil {
		d.StoreID, d.StoreExternalID = t.store(f.Place.StoreID)
	}
	return d
}

func (t *telling) redemption(f *Fact, id func(uuid.UUID) string, full bool) *redemption {
	r := &redemption{ID: id(f.Coupon.Redemption.ID), CouponID: id(f.Coupon.ID), CampaignID: text(f.Coupon.CampaignID)}
	if full {
		r.StoreID, r.StoreExternalID = t.store(f.Coupon.Redemption.StoreID)
	}
	return r
}

func (t *telling) store(id uuid.UUID) (own, external string) {
	if s, err := t.stores(id); err == nil {
		external = s.ExternalID
	}
	return text(id), external
}

// ids spells ids of what happened: they hold its time, so that others stand for them where that is not told; and others do
// for third parties, so that two of them cannot compare.
func (t *telling) ids(full bool) func(uuid.UUID) string {
	if full {
		return text
	}
	return func(id uuid.UUID) string {
		if id == uuid.Nil {
			return ""
		}
		return t.standIn(id).String()
	}
}

// standIn is what stands for an id at this endpoint (UUIDv8). The id's own random bits keep it from being guessed.
func (t *telling) standIn(id uuid.UUID) uuid.UUID {
	sum := sha256.Sum256(append(append([]byte("wantgo webhook "), t.hook.ID[:]...), id[:]...))
	out := uuid.UUID(sum[:16])
	out[6], out[8] = out[6]&0x0f|0x80, out[8]&0x3f|0x80
	return out
}

func text(id uuid.UUID) string {
	if id == uuid.Nil {
		return ""
	}
	return id.String()
}
