package campaign

import (
	"cmp"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher"
)

// maxNotification bounds a notification as JSON, so that every provider's envelope around it stays under 4,096 bytes.
const maxNotification = 3500

// notification renders what the person would read.
func (j *judged) notification() (*pusher.Notification, *TextError) {
	sc := j.scene()
	shown, fault := sc.render()
	if fault != nil {
		return nil, fault
	}
	id := j.NewID()
	note := &pusher.Notification{
		ID:          id,
		Title:       shown.Title,
		Body:        shown.Body,
		ImageURL:    shown.ImageURL,
		DeepLink:    shown.DeepLink,
		Category:    string(j.campaign.class()),
		CollapseKey: id.String(),
	}
	note.Data = j.data(id, shown.DeepLink)
	if size, err := json.Marshal(note); err != nil || len(size) > maxNotification {
		return nil, &TextError{Why: "too_large"}
	}
	return note, nil
}

func (j *judged) scene() Scene {
	sc := Scene{
		Campaign: j.campaign, Variant: j.variant, Brand: j.Brand, Store: j.moment.Store, Item: j.moment.Item, Profile: j.Profile, Coupon: j.coupon,
		Locale: j.locale(), Now: j.Now, Test: j.test,
	}
	if e := j.moment.Event; e != nil {
		sc.Keyword = e.Keyword
	}
	if zones := j.personZones(); len(zones) > 0 {
		sc.Zone = zones[0]
	} else {
		sc.Zone = j.storeZone()
	}
	return sc
}

// locale is the person's, or their phone's.
func (j *judged) locale() string {
	locale := ""
	if j.Profile != nil {
		locale = j.Profile.Locale
	}
	if d := j.target(); d != nil {
		locale = cmp.Or(locale, d.Locale)
	}
	return locale
}

// data is what the app gets beside the text: ids and the law's facts, never a place.
func (j *judged) data(id uuid.UUID, deepLink string) map[string]string {
	s := &j.Brand.Settings
	data := map[string]string{
		"wantgo_notification": id.String(),
		"wantgo_campaign":     j.campaign.ID.String(),
		"wantgo_deadline":     instant(j.deadline),
		"wantgo_category":     string(j.campaign.class()),
	}
	optional := map[string]string{
		"wantgo_sender_name":    tidy(s.SenderName),
		"wantgo_sender_contact": tidy(s.SenderContact),
		"wantgo_deep_link":      deepLink,
	}
	if s.Jurisdiction == Korea {
		optional["wantgo_opt_out"] = optOutText(s, j.locale())
	} else if key, ok := lookUp(s.OptOutText, j.locale()); ok {
		optional["wantgo_opt_out"] = tidy(s.OptOutText[key])
	}
	if j.coupon != nil {
		optional["wantgo_coupon"] = j.coupon.ID.String()
	}
	if i := j.moment.Item; i != nil {
		optional["wantgo_item"] = i.ExternalID
	}
	for k, v := range optional {
		if v != "" {
			data[k] = v
		}
	}
	return data
}

// newCoupon is the coupon that j would win.
func (j *judged) newCoupon() *Coupon {
	o := j.campaign.Offer
	title, _, _ := pick(o.Titles, j.locale(), j.Brand.Settings.Locale)
	c := &Coupon{
		ID:         j.NewID(),
		BrandID:    j.Brand.ID,
		PersonID:   j.PersonID,
		OfferID:    o.ID,
		CampaignID: j.campaign.ID,
		Code:       j.newCode(),
		Title:      clip(tidy(title), maxValue),
		IssuedAt:   j.Now,
		ExpiresAt:  o.expiry(j.Now),
	}
	c.Stores = j.campaign.namedStores()
	return c
}

func (j *judged) newCode() string {
	if j.NewCode != nil {
		return j.NewCode()
	}
	return NewCode()
}
