package campaign

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/store"
)

func known() Known {
	return Known{Brand: koreanBrand(), Now: noon, Store: func(wanted uuid.UUID) *store.Store {
		if s := cafe(); s.ID == wanted {
			return s
		}
		return nil
	}}
}

func TestValidate(t *testing.T) {
	long := strings.Repeat("가", 400)
	for _, tc := range []struct {
		name   string
		change func(*Campaign, *Known)
		want   []string // field and reason
	}{
		{"good", func(c *Campaign, _ *Known) { c.Trigger.Stores = []uuid.UUID{id(20)} }, nil},
		{"no id", func(c *Campaign, _ *Known) { c.ID = uuid.Nil }, []string{"id REQUIRED"}},
		{"no name", func(c *Campaign, _ *Known) { c.Name = " " }, []string{"name REQUIRED"}},
		{"name of lines", func(c *Campaign, _ *Known) { c.Name = "a\nb" }, []string{"name MALFORMED"}},
		{"state", func(c *Campaign, _ *Known) { c.State = "" }, []string{"state UNKNOWN"}},

		{"kind", func(c *Campaign, _ *Known) { c.Trigger.Kinds = []Kind{"gone"} }, []string{"trigger.kinds[0] UNKNOWN"}},
		{"no kind", func(c *Campaign, _ *Known) { c.Trigger.Kinds = nil }, []string{"trigger.kinds REQUIRED"}},
		{"a kind twice", func(c *Campaign, _ *Known) {
			c.Trigger.Kinds = []Kind{Entered, Exited, Entered}
		}, []string{"trigger.kinds[2] CONTRADICTION"}},
		{"dwell beside another kind", func(c *Campaign, _ *Known) {
			c.Trigger.Kinds, c.Trigger.Dwell = []Kind{Entered, Dwelled}, time.Minute
		}, nil},
		{"unknown stores", func(c *Campaign, _ *Known) { c.Trigger.Stores = []uuid.UUID{id(21), id(20), uuid.Nil} },
			[]string{"trigger.stores[0] UNKNOWN", "trigger.stores[2] UNKNOWN"}},
		{"empty tag", func(c *Campaign, _ *Known) { c.Trigger.Tags = []string{"a", ""} }, []string{"trigger.tags[1] REQUIRED"}},
		{"purpose", func(c *Campaign, _ *Known) { c.Trigger.Purposes = []store.Purpose{"spy"} }, []string{"trigger.purposes[0] UNKNOWN"}},
		{"dwell of an entered", func(c *Campaign, _ *Known) { c.Trigger.Dwell = time.Minute }, []string{"trigger.dwell CONTRADICTION"}},
		{"dwell below zero", func(c *Campaign, _ *Known) { c.Trigger.Kinds, c.Trigger.Dwell = []Kind{Dwelled}, -1 }, []string{"trigger.dwell OUT_OF_RANGE"}},
		{"nobody says how long", func(c *Campaign, _ *Known) { c.Trigger.Kinds = []Kind{Dwelled} }, []string{"trigger.dwell NEVER_OCCURS"}},
		{"fences say how long", func(c *Campaign, k *Known) { c.Trigger.Kinds = []Kind{Dwelled}; k.FenceDwell = true }, nil},
		{"the brand says how long", func(c *Campaign, k *Known) {
			c.Trigger.Kinds = []Kind{Dwelled}
			k.Brand.Settings.Presence.Dwell = time.Minute
		}, nil},

		{"dates reversed", func(c *Campaign, _ *Known) { c.Schedule.StartDate, c.Schedule.EndDate = "2026-06-02", "2026-06-01" },
			[]string{"schedule.end_date NEVER_OCCURS"}},
		{"one day", func(c *Campaign, _ *Known) { c.Schedule.StartDate, c.Schedule.EndDate = "2026-06-01", "2026-06-01" }, nil},
		{"today is the last day", func(c *Campaign, _ *Known) { c.Schedule.EndDate = "2026-05-13" }, nil},
		{"over", func(c *Campaign, _ *Known) { c.Schedule.EndDate = "2026-05-12" }, []string{"schedule.end_date NEVER_OCCURS"}},
		{"over, and ended", func(c *Campaign, _ *Known) { c.Schedule.EndDate, c.State = "2026-05-12", Ended }, nil},
		{"over in Seoul, not at the store in Honolulu", func(c *Campaign, k *Known) {
			c.Schedule.EndDate, c.Trigger.Stores = "2026-05-12", []uuid.UUID{id(20)}
			s := cafe()
			s.TimeZone = "Pacific/Honolulu"
			k.Store = func(uuid.UUID) *store.Store { return s }
		}, nil},
		{"no such day", func(c *Campaign, _ *Known) { c.Schedule.StartDate = "2026-02-30" }, []string{"schedule.start_date MALFORMED"}},
		{"a far start", func(c *Campaign, _ *Known) { c.Schedule.StartDate = "2031-01-01" }, nil},
		{"hours on no day that is left", func(c *Campaign, _ *Known) {
			c.Schedule = Schedule{StartDate: "2026-05-18", EndDate: "2026-05-19", Weekly: []store.Span{{Day: time.Sunday, From: 0, Until: 1440}}}
		}, []string{"schedule.weekly NEVER_OCCURS"}},
		{"hours over for the last day", func(c *Campaign, _ *Known) {
			c.Schedule = Schedule{StartDate: "", EndDate: "2026-05-13", Weekly: []store.Span{{Day: time.Wednesday, From: 600, Until: 720}}}
		}, []string{"schedule.weekly NEVER_OCCURS"}},
		{"hours not over for the last day", func(c *Campaign, _ *Known) {
			c.Schedule = Schedule{StartDate: "", EndDate: "2026-05-13", Weekly: []store.Span{{Day: time.Wednesday, From: 600, Until: 721}}}
		}, nil},
		{"night that began on the last day", func(c *Campaign, k *Known) {
			c.Schedule = Schedule{StartDate: "", EndDate: "2026-05-12", Weekly: []store.Span{{Day: time.Tuesday, From: 1320, Until: 120}}}
			k.Now = time.Date(2026, 5, 12, 16, 30, 0, 0, time.UTC) // 01:30 in Seoul, a day later
		}, nil},
		{"no length", func(c *Campaign, _ *Known) { c.Schedule.Weekly = []store.Span{{Day: 1, From: 60, Until: 60}} },
			[]string{"schedule.weekly[0].until NEVER_OCCURS"}},
		{"no weekday", func(c *Campaign, _ *Known) { c.Schedule.Weekly = []store.Span{{Day: 7, From: 0, Until: 60}} },
			[]string{"schedule.weekly[0].day OUT_OF_RANGE"}},
		{"no minute", func(c *Campaign, _ *Known) {
			c.Schedule.Weekly = []store.Span{{From: 1440, Until: 60}, {From: 0, Until: 1441}}
		}, []string{"schedule.weekly[0].from OUT_OF_RANGE", "schedule.weekly[1].until OUT_OF_RANGE"}},
		{"hours that the clock skips", func(c *Campaign, k *Known) {
			c.Schedule = Schedule{StartDate: "2027-03-14", EndDate: "2027-03-14", Weekly: []store.Span{{Day: time.Sunday, From: 130, Until: 170}}}
			k.Brand.Settings.TimeZone = "America/New_York"
		}, []string{"schedule.weekly NEVER_OCCURS"}},

		{"priority", func(c *Campaign, _ *Known) { c.Priority = 1001 }, []string{"priority OUT_OF_RANGE"}},
		{"cap over the brand's longest", func(c *Campaign, _ *Known) {
			c.Caps = []cap.Cap{
				{Scope: cap.Campaign, Limit: 1, Window: cap.Window{Rolling: time.Hour}},
				{Scope: cap.Campaign, Limit: 1, Window: cap.Window{Rolling: 31 * 24 * time.Hour}},
			}
		}, []string{"caps[1] OUT_OF_RANGE"}},
		{"cooldown over the brand's longest", func(c *Campaign, _ *Known) { c.Cooldown = 31 * 24 * time.Hour }, []string{"cooldown OUT_OF_RANGE"}},
		{"deadline short", func(c *Campaign, _ *Known) { c.Deadline = time.Minute - 1 }, []string{"deadline OUT_OF_RANGE"}},
		{"deadline at its ends", func(c *Campaign, _ *Known) { c.Deadline = time.Hour }, nil},
		{"deadline long", func(c *Campaign, _ *Known) { c.Deadline = time.Hour + 1 }, []string{"deadline OUT_OF_RANGE"}},

		{"informational with an offer", func(c *Campaign, _ *Known) { c.Category = Informational }, []string{"category ALWAYS_AD"}},
		{"informational by a fence", func(c *Campaign, _ *Known) {
			c.Category, c.Offer, c.Texts = Informational, nil, map[string]Text{"ko": {"a", "b"}}
		}, []string{"category ALWAYS_AD"}},
		{"category", func(c *Campaign, _ *Known) { c.Category = "spam" }, []string{"category UNKNOWN"}},

		{"offer of nothing", func(c *Campaign, _ *Known) { c.Offer = &Offer{Stock: -1, PerPerson: -1} },
			[]string{"offer.id REQUIRED", "offer.titles REQUIRED", "offer.stock OUT_OF_RANGE", "offer.per_person OUT_OF_RANGE", "offer.validity REQUIRED"}},
		{"offer's title", func(c *Campaign, _ *Known) { c.Offer.Titles = map[string]string{"ko": "\u200b", "x!": "a"} },
			[]string{"offer.titles.ko REQUIRED", "offer.titles.x! MALFORMED"}},
		{"offer over", func(c *Campaign, _ *Known) { c.Offer.ValidUntil = noon }, []string{"offer.valid_until NEVER_OCCURS"}},
		{"offer over before it begins", func(c *Campaign, _ *Known) {
			c.Offer.ValidUntil, c.Schedule.StartDate = noon.Add(24*time.Hour), "2026-05-15"
		}, []string{"offer.valid_until NEVER_OCCURS"}},

		{"no texts", func(c *Campaign, _ *Known) { c.Texts = nil }, []string{"texts REQUIRED"}},
		{"no locale", func(c *Campaign, _ *Known) { c.Texts = map[string]Text{"": {"a", "b"}} }, []string{"texts. MALFORMED"}},
		{"empty body", func(c *Campaign, _ *Known) { c.Texts = map[string]Text{"ko": {"a", " \u200b"}} },
			[]string{"texts.ko.body REQUIRED", "texts.ko.body MALFORMED"}},
		{"no title", func(c *Campaign, _ *Known) { c.Texts = map[string]Text{"ko": {"", "b"}} }, nil},
		{"too long", func(c *Campaign, _ *Known) { c.Texts = map[string]Text{"ko": {long, long}} },
			[]string{"texts.ko.title TOO_LONG", "texts.ko.body TOO_LONG"}},
		{"unknown variable", func(c *Campaign, _ *Known) { c.Texts["ko"] = Text{"{price}", "{store"} },
			[]string{"texts.ko.title VARIABLE", "texts.ko.body VARIABLE"}},
		{"coupon code without an offer", func(c *Campaign, _ *Known) {
			c.Offer, c.Texts = nil, map[string]Text{"ko": {"{store}", "{coupon_code}"}}
		}, []string{"texts.ko.body VARIABLE"}},
		{"title of lines", func(c *Campaign, _ *Known) { c.Texts["ko"] = Text{"a\nb", "a\nb"} }, []string{"texts.ko.title MALFORMED"}},
		{"unseen characters", func(c *Campaign, _ *Known) { c.Texts["ko"] = Text{"a\u202eb", "b"} }, []string{"texts.ko.title MALFORMED"}},
		{"label look-alike", func(c *Campaign, _ *Known) { c.Texts["ko"] = Text{"[광고] a", "(AD) b"} },
			[]string{"texts.ko.title LABEL", "texts.ko.body LABEL"}},
		{"look-alike elsewhere is just a word", func(c *Campaign, k *Known) {
			c.Texts["ko"] = Text{"[광고] a", "b"}
			k.Brand.Settings.Jurisdiction = "EU"
		}, nil},

		{"deep link", func(c *Campaign, _ *Known) { c.DeepLink = "javascript:alert(1)" }, []string{"deep_link UNSAFE_ADDRESS"}},
		{"deep link without a scheme", func(c *Campaign, _ *Known) { c.DeepLink = "coupons" }, []string{"deep_link MALFORMED"}},
		{"image by http", func(c *Campaign, _ *Known) { c.ImageURL = "http://a.example/x.png" }, []string{"image_url MALFORMED"}},

		{"no sender", func(_ *Campaign, k *Known) { k.Brand.Settings.SenderName, k.Brand.Settings.SenderContact = "", " " },
			[]string{"brand.sender_name BRAND_SETTING", "brand.sender_contact BRAND_SETTING"}},
		{"no sender yet", func(c *Campaign, k *Known) { k.Brand.Settings.SenderName = ""; c.State = Draft }, nil},
		{"no sender elsewhere", func(_ *Campaign, k *Known) { k.Brand.Settings.SenderName = ""; k.Brand.Settings.Jurisdiction = "EU" }, nil},
		{"opt-out that says nothing", func(_ *Campaign, k *Known) { k.Brand.Settings.OptOutText = map[string]string{"ko": "감사합니다"} },
			[]string{"brand.opt_out_text.ko BRAND_SETTING"}},
		{"no brand", func(_ *Campaign, k *Known) { k.Brand = nil }, []string{"brand BRAND_SETTING"}},
		{"all together", func(c *Campaign, k *Known) {
			c.Name, c.Deadline, c.Texts, c.Trigger.Stores = "", -1, nil, []uuid.UUID{id(9)}
			k.Brand.Settings.SenderName = ""
		}, []string{"name REQUIRED", "trigger.stores[0] UNKNOWN", "deadline OUT_OF_RANGE", "texts REQUIRED", "brand.sender_name BRAND_SETTING"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, k := latte(), known()
			tc.change(c, &k)
			var got []string
			for _, v := range Validate(c, k) {
				require.NotEmpty(t, v.Text)
				got = append(got, v.Field+" "+v.Reason)
			}
			require.Equal(t, tc.want, got)
		})
	}
}

func TestCampaignAsJSON(t *testing.T) {
	c := latte()
	c.Trigger.Kinds, c.Trigger.Dwell = []Kind{Dwelled}, 5*time.Minute
	text, err := json.Marshal(c)
	require.NoError(t, err)
	require.Contains(t, string(text), `"trigger":{"kinds":["dwelled"],"dwell":300000000000,"purposes":["visit","near"]}`)
	var back Campaign
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, *c, back)

	for _, bad := range []string{`{"kinds":["left"]}`, `{"kinds":[1]}`, `{"kinds":"entered"}`} {
		require.Error(t, json.Unmarshal([]byte(bad), &Trigger{}), bad)
	}
}
