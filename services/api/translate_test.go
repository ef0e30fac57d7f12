package api

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/store"
)

// TestSettingsComeBackAsTheyWere reads what was written, for the defaults and for settings of every kind.
func TestSettingsComeBackAsTheyWere(t *testing.T) {
	s := &Server{}
	base := &brand.Brand{Settings: brand.Default(brand.KR)}
	full := &v1.BrandSettings{
		DisplayName: "Coffee", Jurisdiction: "KR", TimeZone: "Asia/Tokyo", Locale: "en", SenderName: "Wantgo", SenderContact: "02",
		Filing: &v1.Filing{Mode: v1.Filing_SMALL_BUSINESS, Date: "2026-11-01"}, MinimumGap: durationpb.New(0),
		Caps: []*v1.Cap{
			{Scope: v1.Cap_BRAND, Limit: 2, Window: &v1.Cap_Calendar_{Calendar: v1.Cap_DAY}},
			{Scope: v1.Cap_TAG, Tag: "x", Limit: 1, Window: &v1.Cap_Rolling{Rolling: durationpb.New(time.Hour)}},
		},
		QuietHours: &v1.QuietHours{Start: "20:30", End: "08:30"}, MockPolicy: v1.BrandSettings_ACCEPT,
		Presence: &v1.PresenceRules{Policy: v1.PresenceRules_STRICT, Dwell: durationpb.New(time.Minute), AlreadyInside: v1.PresenceRules_ENTER},
	}
	for _, given := range []*v1.BrandSettings{{}, full} {
		first, err := settingsFrom(given, base, CampaignSetting{})
		require.NoError(t, err)
		written := s.settingsTo(first)
		second, err := settingsFrom(written, first, CampaignSetting{})
		require.NoError(t, err)
		require.Equal(t, first, second)
		require.True(t, proto.Equal(written, s.settingsTo(second)))
	}
	wide, err := settingsFrom(full, base, CampaignSetting{})
	require.NoError(t, err)
	require.Equal(t, 40*time.Minute, wide.Settings.QuietCloseMargin)
	require.Equal(t, 31*time.Minute, wide.Settings.QuietOpenMargin)
	for _, narrow := range []*v1.QuietHours{{Start: "21:30"}, {End: "07:00"}} {
		_, err := settingsFrom(&v1.BrandSettings{QuietHours: narrow}, base, CampaignSetting{})
		require.Equal(t, v1.ErrorReason_SETTING_BELOW_FLOOR.String(), reasonOf(err))
	}
}

func TestHoursComeBackAsTheyWere(t *testing.T) {
	spans := spansFrom([]*v1.WeeklyHours{{Start: "10:00", End: "24:00"}, {Days: []v1.WeeklyHours_Day{v1.WeeklyHours_FRIDAY, v1.WeeklyHours_SUNDAY}, Start: "22:00", End: "02:00"}})
	require.Len(t, spans, 9)
	require.Contains(t, spans, store.Span{Day: time.Sunday, From: 22 * 60, Until: 120})
	require.ElementsMatch(t, spans, spansFrom(spansTo(spans)))
	require.Len(t, spansTo(spans), 2)
}

func fileSetting() CampaignSetting {
	b := &brand.Brand{ID: uuid.New(), Name: "Coffee", Settings: brand.Default(brand.KR)}
	b.Settings.SenderName, b.Settings.SenderContact = "Wantgo", "02"
	shop := &store.Store{ID: uuid.New(), ExternalID: "s1", TimeZone: "Asia/Seoul"}
	return CampaignSetting{
		Brand: b, Now: noon, NewID: uuid.New,
		Store: func(name string) *store.Store {
			if name == "s1" {
				return shop
			}
			return nil
		},
		StoreByID: func(id uuid.UUID) *store.Store {
			if id == shop.ID {
				return shop
			}
			return nil
		},
	}
}

const campaignYAML = `
campaigns:
  - external_id: morning
    displayName: Morning latte
    trigger: {kinds: [ENTERED, EXITED], store_external_ids: [%s]}
    schedule:
      weekly_hours: [{days: [SATURDAY, SUNDAY], start: "07:00", end: "11:00"}]
    texts:
      ko: {title: "{store}", body: "{offer}"}
    offer: {titles: {ko: "라떼"}, valid_for: 7200s, stock: 10}
    caps: [{scope: CAMPAIGN, limit: 1, calendar: DAY}]
brand:
  display_name: Renamed
  sender_name: Wantgo
  sender_contact: "02"
`

func TestParseCampaignFile(t *testing.T) {
	in := fileSetting()
	file, err := ParseCampaignFile([]byte(replaceOnce(campaignYAML, "%s", "s1")), in)
	require.NoError(t, err)
	require.Len(t, file.Campaigns, 1)
	c := file.Campaigns[0]
	require.Equal(t, campaign.Live, c.State)
	require.Equal(t, in.Store("s1").ID, c.Trigger.Stores[0])
	require.Len(t, c.Schedule.Weekly, 2)
	require.Equal(t, int64(10), c.Offer.Stock)
	require.Equal(t, "Renamed", file.Brand.Name)

	for text, field := range map[string]string{
		replaceOnce(campaignYAML, "%s", "x"): "campaigns[0].trigger.store_external_ids[0]",
		"campaigns: [{trigger: {}}]":         "campaigns[0].trigger.kinds",
		"campaigns: [":                       "",
		"nothing: 1":                         "",
		replaceOnce(replaceOnce(campaignYAML, "%s", "s1"), "{offer}", "{x}"): "campaigns[0].texts.ko.body",
	} {
		_, err := ParseCampaignFile([]byte(text), in)
		var vs brand.Violations
		require.True(t, errors.As(err, &vs), "%s: %v", text, err)
		require.Equal(t, field, vs[0].Field, "%v", vs)
	}
}

func replaceOnce(text, old, new string) string {
	for i := 0; i+len(old) <= len(text); i++ {
		if text[i:i+len(old)] == old {
			return text[:i] + new + text[i+len(old):]
		}
	}
	return text
}

func FuzzParseCampaignFile(f *testing.F) {
	f.Add([]byte(campaignYAML))
	f.Add([]byte("campaigns: [{trigger: {kinds: [DWELLED], dwell_minutes: 5}, offer: {}}]"))
	in := fileSetting()
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := ParseCampaignFile(text, in)
		require.Equal(t, err == nil, file != nil)
	})
}

func TestCampaignComesBackAsItWas(t *testing.T) {
	in := fileSetting()
	file, err := ParseCampaignFile([]byte(replaceOnce(campaignYAML, "%s", "s1")), in)
	require.NoError(t, err)
	before := file.Campaigns[0]
	after, fs := campaignFrom(campaignTo(&before, nil), before, in)
	require.Empty(t, fs)
	require.Equal(t, &before, after)
}
