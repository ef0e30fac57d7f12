package webhook

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/store"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

func id(last string) uuid.UUID { return uuid.MustParse("0195f000-0000-7000-8000-0000000000" + last) }

var when = time.Date(2026, 5, 13, 3, 30, 0, 0, time.UTC)

// samples are a letter and its fact of every type.
func samples() map[brand.WebhookEvent]struct {
	l Letter
	f Fact
} {
	letter := func(e brand.WebhookEvent, fact uuid.UUID) Letter {
		return Letter{Key: engine.PersonKey{BrandID: id("b1"), PersonID: id("01")},
			Letter: engine.Letter{ID: uuid.MustParse("6b1d2f0a-93d5-4a7e-8f7d-0a2f7b1c9e55"), WebhookID: id("40"), FactID: fact, Event: e, At: when}}
	}
	profile := &audience.Profile{ExternalID: "member-7", OfAge: true, Consents: map[audience.Purpose]audience.Standing{audience.LocUse: {Granted: true, EventID: id("c9"), At: when}},
		ThirdParties: map[string]audience.Standing{"CRM": {Granted: true, EventID: id("c8"), At: when, For: "footfall"}}}
	place := &engine.Place{ID: id("a1"), DeviceID: id("d1"), FenceID: id("f1"), StoreID: id("51"), Kind: presence.Entered, Reason: presence.Moved, At: when}
	all := map[brand.WebhookEvent]struct {
		l Letter
		f Fact
	}{}
	for _, e := range []brand.WebhookEvent{brand.VisitEntered, brand.VisitDwelled, brand.VisitExited} {
		all[e] = struct {
			l Letter
			f Fact
		}{letter(e, id("a1")), Fact{Place: place, Profile: profile}}
	}
	all[brand.DecisionMade] = struct {
		l Letter
		f Fact
	}{letter(brand.DecisionMade, id("a2")), Fact{Place: place, Profile: profile, Trace: &engine.Trace{ID: id("a2"), MomentID: id("a1"), CampaignID: id("c1"), Kind: "entered",
		Reason: "WON", At: when, NotificationID: id("a3"), CouponID: id("a4"), Channel: "push"}}}
	all[brand.DeliveryEnded] = struct {
		l Letter
		f Fact
	}{letter(brand.DeliveryEnded, id("a5")), Fact{Profile: profile, EndedAt: when, Delivery: &pusher.Delivery{ID: id("a5"), CampaignID: id("c1"), State: pusher.Accepted,
		Provider: pusher.FCM, Code: "OK", Notification: pusher.Notification{ID: id("a3")}}}}
	all[brand.CouponRedeemed] = struct {
		l Letter
		f Fact
	}{letter(brand.CouponRedeemed, id("a4")), Fact{Profile: profile, Coupon: &campaign.Coupon{ID: id("a4"), CampaignID: id("c1"), Code: "7K3M9QXR2TVW",
		Redemption: &campaign.Redemption{ID: id("a6"), StoreID: id("51"), At: when}}}}
	gone := letter(brand.PersonErased, id("01"))
	gone.ExternalID = "member-7"
	all[brand.PersonErased] = struct {
		l Letter
		f Fact
	}{gone, Fact{Erased: &Erasure{Receipt: id("a7"), At: when}}}
	return all
}

func tellingTo(hook brand.Webhook) *telling {
	b := &brand.Brand{ID: id("b1"), Settings: brand.Default(brand.KR)}
	b.Settings.Filing = brand.Filing{Mode: brand.FilingRegistered, Number: "1", Date: when.AddDate(-1, 0, 0)}
	hook.ID, hook.RecipientName = id("40"), "CRM"
	return &telling{hook: &hook, brand: b, now: when, stores: func(uuid.UUID) (*store.Store, error) { return &store.Store{ExternalID: "kr-0287"}, nil }}
}

// The golden files are the contract with whoever writes an endpoint. A change to one is a change to every endpoint.
func TestGoldenBodies(t *testing.T) {
	for file, hook := range map[string]brand.Webhook{
		"full": {Recipient: brand.OwnSystem, Place: true}, "date": {Recipient: brand.Processor}, "third": {Recipient: brand.ThirdParty},
		"third_place": {Recipient: brand.ThirdParty, Place: true, RecipientPurpose: "footfall"},
	} {
		for event, s := range samples() {
			if file == "third" && event.Locates() || file == "third_place" && event == brand.PersonErased {
				continue // refused when it is registered; the same as without place
			}
			content, err := tellingTo(hook).say(&s.l, &s.f)
			require.NoError(t, err)
			require.Less(t, len(content), 16<<10)
			var got bytes.Buffer
			require.NoError(t, json.Indent(&got, content, "", "  "))
			got.WriteByte('\n')
			name := filepath.Join("testdata", strings.ReplaceAll(string(event), ".", "_")+"_"+file+".json")
			if *rewrite {
				require.NoError(t, os.WriteFile(name, got.Bytes(), 0o644))
			}
			want, err := os.ReadFile(name)
			require.NoError(t, err, "go test ./services/webhook -rewrite writes it")
			require.Equal(t, string(want), got.String(), name)
		}
	}
}

// Where the place is not told nothing in the body says when or where: no time, no store, no id that holds a time, and
// of a third party not the person either.
func TestNothingOfThePlaceIsTold(t *testing.T) {
	clock, v7 := regexp.MustCompile(`\d\d:\d\d`), regexp.MustCompile(`0195f000-0000-7000-8000-0000000000(a\d|51|f1|d1)`)
	for event, s := range samples() {
		for _, hook := range []brand.Webhook{{Recipient: brand.OwnSystem}, {Recipient: brand.ThirdParty}, {Recipient: brand.ThirdParty, Place: true}} {
			content, err := tellingTo(hook).say(&s.l, &s.f)
			require.NoError(t, err)
			if event == brand.PersonErased && hook.Recipient != brand.ThirdParty {
				continue
			}
			require.NotRegexp(t, clock, string(content), "%s", event)
			require.NotRegexp(t, v7, string(content), "%s", event)
			require.NotContains(t, string(content), "kr-0287")
			require.NotContains(t, string(content), s.f.codeOrNever(), "a code is as good as the coupon")
			if hook.Recipient == brand.ThirdParty {
				require.NotContains(t, string(content), "member-7")
				require.NotContains(t, string(content), id("01").String())
			}
			_, recorded := tellingTo(hook).use(&s.l, &s.f)
			require.False(t, recorded)
		}
	}
	a, b := tellingTo(brand.Webhook{}), tellingTo(brand.Webhook{})
	b.hook.ID = id("41")
	require.Equal(t, a.standIn(id("a1")), a.standIn(id("a1")))
	require.NotEqual(t, a.standIn(id("a1")), b.standIn(id("a1")), "endpoints cannot compare")
}

func (f *Fact) codeOrNever() string {
	if f.Coupon != nil {
		return f.Coupon.Code
	}
	return "\x00"
}

func TestWhatIsWithheld(t *testing.T) {
	full := brand.Webhook{Recipient: brand.OwnSystem, Place: true}
	for event, s := range samples() {
		tell := tellingTo(full)
		require.False(t, tell.withheld(&s.l, &s.f), "%s", event)
		use, recorded := tell.use(&s.l, &s.f)
		require.Equal(t, event.Locates(), recorded, "%s", event)
		if recorded {
			require.Equal(t, engine.LocationUse{ID: s.l.ID, Purpose: "loc_use", Method: "webhook", Path: "os_api", Recipient: "CRM", ConsentID: id("c9"), From: when, Until: when}, use)
		}
		if s.f.Profile == nil {
			continue
		}
		for name, profile := range map[string]audience.Profile{
			"withdrawn": {OfAge: true}, "paused": {OfAge: true, Consents: s.f.Profile.Consents, PausedUntil: when.Add(time.Hour)},
		} {
			f := s.f
			f.Profile = &profile
			require.Equal(t, strings.HasPrefix(string(event), "visit."), tell.withheld(&s.l, &f), "%s %s", event, name)
			require.False(t, tell.full(&s.l, &f), "%s %s", event, name)
			_, recorded := tell.use(&s.l, &f)
			require.False(t, recorded)
		}
		f := s.f
		f.Gone = true
		require.True(t, tell.withheld(&s.l, &f))
	}
}
