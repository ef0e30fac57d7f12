package api

import (
	"encoding/hex"
	"fmt"
	"time"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
)

var platforms = map[v1.Device_Platform]string{
	v1.Device_ANDROID: "android", v1.Device_IOS: "ios", v1.Device_WEB: "web", v1.Device_SERVER: "other",
}

// The kinds of addresses as the pusher names them.
const (
	kindToken = "token"
	kindFID   = "fid"
	kindAPNs  = "apns"
)

func deviceTo(d *audience.Device) *v1.Device {
	out := &v1.Device{
		Id: d.ID.String(), ExternalId: d.ExternalID, PersonId: formatID(d.PersonID), Platform: keyOf(platforms, d.Platform),
		AppBuild: d.AppBuild, Locale: d.Locale, TimeZone: d.TimeZone, LastSeenTime: stamp(d.LastSeenAt),
	}
	if d.Address != nil {
		out.PushAddress = addressTo(d.Address, d.OSPushRefused)
	}
	return out
}

// addressTo never says the value.
func addressTo(a *pusher.Address, refused bool) *v1.PushAddress {
	out := &v1.PushAddress{Provider: keyOf(providers, a.Provider), Kind: v1.PushAddress_TOKEN}
	switch a.Kind {
	case kindFID:
		out.Kind = v1.PushAddress_FID
	case pusher.KindSubscription:
		out.Kind = v1.PushAddress_SUBSCRIPTION
	}
	if a.Provider == pusher.APNs {
		out.Environment = v1.PushAddress_PRODUCTION
		if a.Sandbox {
			out.Environment = v1.PushAddress_SANDBOX
		}
	}
	if refused {
		out.Permission = v1.PushAddress_DENIED
	}
	return out
}

// addressFrom reads an address that its provider can have given; nil for an empty value. No fault repeats the value. A
// subscription must lead to one of services.
func addressFrom(g *v1.PushAddress, now time.Time, services pusher.PushServices) (*pusher.Address, error) {
	if g.GetValue() == "" {
		return nil, nil
	}
	var fs faults
	bad := func(field, text string) {
		fs.add("push_address."+field, v1.ErrorReason_PUSH_ADDRESS_INVALID, text, "provider", g.GetProvider().String())
	}
	a := &pusher.Address{Provider: providers[g.GetProvider()], Value: g.GetValue(), RegisteredAt: now}
	switch g.GetProvider() {
	case v1.PushAddress_FCM:
		a.Kind = kindToken
		switch g.GetKind() {
		case v1.PushAddress_FID:
			a.Kind = kindFID
		case v1.PushAddress_SUBSCRIPTION:
			bad("kind", "Firebase gives tokens and installation ids only")
		}
		if !printable(g.GetValue()) {
			bad("value", "has characters that no FCM registration has")
		}
	case v1.PushAddress_APNS:
		a.Kind, a.Sandbox = kindAPNs, g.GetEnvironment() == v1.PushAddress_SANDBOX
		if _, err := hex.DecodeString(g.GetValue()); err != nil || len(g.GetValue()) < 64 || len(g.GetValue()) > 200 {
			bad("value", "not an APNs device token in hexadecimal")
		}
		if g.GetEnvironment() == v1.PushAddress_ENVIRONMENT_UNSPECIFIED {
			bad("environment", "missing: which of Apple's two services?")
		}
		if g.GetKind() == v1.PushAddress_FID || g.GetKind() == v1.PushAddress_SUBSCRIPTION {
			bad("kind", "APNs gives tokens only")
		}
	case v1.PushAddress_WEB_PUSH:
		a.Kind = pusher.KindSubscription
		subscription, err := pusher.ParseSubscription(g.GetValue())
		if err != nil {
			bad("value", err.Error())
		} else if !services.Allow(subscription) {
			bad("value", "endpoint: not one of the push services that this server sends to")
		}
		if g.GetKind() == v1.PushAddress_TOKEN || g.GetKind() == v1.PushAddress_FID {
			bad("kind", "web push gives subscriptions only")
		}
	default:
		bad("provider", "missing")
	}
	return a, fs.err()
}

// printable takes visible ASCII only.
func printable(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// refusedByOS is what the phone's system allows; nil: not told.
func refusedByOS(p v1.PushAddress_Permission) *bool {
	var refused bool
	switch p {
	case v1.PushAddress_DENIED:
		refused = true
	case v1.PushAddress_GRANTED, v1.PushAddress_PROVISIONAL:
	default:
		return nil
	}
	return &refused
}

// newDeviceFrom reads a registration.
func newDeviceFrom(r *v1.RegisterDeviceRequest, c *Caller, s *brand.Settings) (d audience.Device, p audience.Profile, err error) {
	var fs faults
	if c.Kind != v1.Access_SERVER {
		const text = "only a server gives one"
		if r.GetExternalId() != "" {
			fs.add("external_id", v1.ErrorReason_INVALID_FIELD, text)
		}
		if r.GetPersonExternalId() != "" {
			fs.add("person_external_id", v1.ErrorReason_INVALID_FIELD, text)
		}
	}
	if zone := r.GetTimeZone(); zone != "" && !brand.ValidTimeZone(zone) {
		fs.add("time_zone", v1.ErrorReason_TIME_ZONE_UNKNOWN, "not an IANA time zone", "time_zone", zone)
	}
	locale := orText(r.GetLocale(), s.Locale)
	if !brand.ValidLocale(locale) {
		fs.add("locale", v1.ErrorReason_LOCALE_INVALID, "not a BCP 47 language tag", "locale", locale)
	}
	d = audience.Device{
		BrandID: c.Brand, ExternalID: r.GetExternalId(), Platform: platforms[r.GetPlatform()], AppBuild: r.GetAppBuild(),
		Locale: locale, TimeZone: r.GetTimeZone(),
	}
	p = audience.Profile{TimeZone: r.GetTimeZone(), Locale: locale, OfAge: r.GetMinimumAgeReached()}
	if year := r.GetBirthYear(); year != 0 {
		p.BirthDate = fmt.Sprintf("%04d-12-31", year) // so that the year in which the age is reached does not count yet
	}
	return d, p, fs.err()
}
