package campaign

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/item"
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

// named lets a campaign run only while the store that it names is open, on Mondays; from until: hours that nobody knows.
func named(c *Campaign, k *Known, from, until int) {
	s := cafe()
	if from != until {
		s.Hours.Weekly = []store.Span{{Day: time.Monday, From: from, Until: until}}
	}
	k.Store = func(uuid.UUID) *store.Store { return s }
	c.OpenOnly, c.Trigger.Stores = true, []uuid.UUID{s.ID}
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

		{"an end that is over", func(c *Campaign, _ *Known) { c.Schedule.End = noon }, []string{"schedule.end NEVER_OCCURS"}},
		{"an end before the start", func(c *Campaign, _ *Known) {
			c.Schedule.Start, c.Schedule.End = noon.Add(2*time.Hour), noon.Add(time.Hour)
		}, []string{"schedule.end NEVER_OCCURS"}},
		{"a start after the last day", func(c *Campaign, _ *Known) {
			c.Schedule.Start, c.Schedule.EndDate = noon.AddDate(0, 0, 10), "2026-05-20"
		}, []string{"schedule.end NEVER_OCCURS"}},
		{"the only day is taken out", func(c *Campaign, _ *Known) {
			c.Schedule = Schedule{StartDate: "2026-05-20", EndDate: "2026-05-20", Exceptions: []Exception{{Date: "2026-05-19"}, {Date: "2026-05-20"}}}
		}, []string{"schedule.exceptions[1] NEVER_OCCURS"}},
		{"an exception saves a day without hours", func(c *Campaign, _ *Known) {
			c.Schedule = Schedule{StartDate: "2026-05-18", EndDate: "2026-05-19", Weekly: []store.Span{{Day: time.Sunday, From: 0, Until: 1440}},
				Exceptions: []Exception{{Date: "2026-05-19", Hours: []DayHours{{600, 660}}}}}
		}, nil},
		{"exceptions", func(c *Campaign, _ *Known) {
			c.Schedule.Exceptions = []Exception{{Date: "2026-02-30"}, {Date: "2026-06-01"}, {Date: "2026-06-01"}, {Date: "2026-06-02", Hours: []DayHours{{0, 60}, {60, 60}, {1440, 1500}, {1, 1442}}}}
		}, []string{"schedule.exceptions[0].date MALFORMED", "schedule.exceptions[2].date CONTRADICTION", "schedule.exceptions[3].hours[1].close OUT_OF_RANGE",
			"schedule.exceptions[3].hours[2].open OUT_OF_RANGE", "schedule.exceptions[3].hours[3].close OUT_OF_RANGE"}},
		{"no holiday is left of the dates", func(c *Campaign, _ *Known) {
			c.Schedule = Schedule{EndDate: "2026-05-23", Holidays: HolidaysOnly} // Buddha's birthday is the 24th
		}, []string{"schedule.holidays NEVER_OCCURS"}},
		{"a holiday is left", func(c *Campaign, _ *Known) { c.Schedule = Schedule{EndDate: "2026-05-24", Holidays: HolidaysOnly} }, nil},
		{"the brand adds a holiday", func(c *Campaign, k *Known) {
			c.Schedule = Schedule{EndDate: "2026-05-23", Holidays: HolidaysOnly}
			k.Brand.Settings.Holidays = map[string]brand.Holidays{"KR": {Added: []string{"2026-05-20"}}}
		}, nil},
		{"holidays of a country that is not known", func(c *Campaign, k *Known) {
			c.Schedule.Holidays, k.Brand.Settings.TimeZone = HolidaysOnly, "Asia/Bangkok"
		}, []string{"schedule.holidays NEVER_OCCURS"}},
		{"only the holidays are left, and they are skipped", func(c *Campaign, _ *Known) {
			c.Schedule = Schedule{StartDate: "2026-05-24", EndDate: "2026-05-25", Holidays: HolidaysSkip}
		}, []string{"schedule.holidays NEVER_OCCURS"}},
		{"holidays", func(c *Campaign, _ *Known) { c.Schedule.Holidays = "sometimes" }, []string{"schedule.holidays UNKNOWN"}},
		{"lead without open_only", func(c *Campaign, _ *Known) { c.OpenLead, c.OpenTail = time.Minute, -1 },
			[]string{"open_lead CONTRADICTION", "open_tail OUT_OF_RANGE"}},
		{"open while the store is closed", func(c *Campaign, k *Known) {
			named(c, k, 600, 720)
			c.Schedule.Weekly = []store.Span{{Day: time.Monday, From: 720, Until: 780}}
		},
			[]string{"open_only NEVER_OCCURS"}},
		{"open by its lead", func(c *Campaign, k *Known) {
			named(c, k, 600, 720)
			c.OpenLead, c.Schedule.Weekly = 10*time.Minute, []store.Span{{Day: time.Monday, From: 540, Until: 591}}
		}, nil},
		{"not open by its lead", func(c *Campaign, k *Known) {
			named(c, k, 600, 720)
			c.OpenLead, c.Schedule.Weekly = 10*time.Minute, []store.Span{{Day: time.Monday, From: 540, Until: 590}}
		}, []string{"open_only NEVER_OCCURS"}},
		{"closed by its tail", func(c *Campaign, k *Known) { named(c, k, 600, 720); c.OpenTail = 2 * time.Hour }, []string{"open_only NEVER_OCCURS"}},
		{"hours that nobody knows", func(c *Campaign, k *Known) { named(c, k, 0, 0) }, []string{"open_only NEVER_OCCURS"}},

		{"two kinds, one of the clock", func(c *Campaign, _ *Known) { c.Trigger.Kinds = []Kind{Entered, Flashed} },
			[]string{"trigger.kinds[1] CONTRADICTION", "trigger.send REQUIRED"}},
		{"fields of other kinds", func(c *Campaign, _ *Known) {
			c.Trigger.Types, c.Trigger.Items, c.Trigger.Keywords, c.Trigger.Linger = []string{"x"}, []string{"i"}, []string{"k"}, time.Second
			c.Trigger.Remind, c.Trigger.Related, c.Trigger.Send = &Remind{}, true, &Send{}
		}, []string{"trigger.types[0] UNKNOWN", "trigger.types CONTRADICTION", "trigger.items CONTRADICTION", "trigger.keywords CONTRADICTION", "trigger.linger CONTRADICTION",
			"trigger.remind.after OUT_OF_RANGE", "trigger.remind CONTRADICTION", "trigger.related CONTRADICTION", "trigger.send CONTRADICTION"}},
		{"an unknown item", func(c *Campaign, k *Known) {
			c.Trigger = Trigger{Kinds: []Kind{Viewed}, Items: []string{"i1", "i2"}}
			k.Item = func(id string) *item.Item { return map[string]*item.Item{"i1": {}}[id] }
		}, []string{"trigger.items[1] UNKNOWN"}},
		{"an unknown set, fence and segment", func(c *Campaign, k *Known) {
			c.Trigger.Sets, c.Trigger.Fences, c.Segments = []string{"s"}, []uuid.UUID{id(3)}, []uuid.UUID{id(4)}
			k.Segment = func(uuid.UUID) bool { return false }
		}, []string{"trigger.fences[0] UNKNOWN", "trigger.sets[0] UNKNOWN", "segments[0] UNKNOWN"}},
		{"the n-th visit elsewhere", func(c *Campaign, _ *Known) { c.Trigger.Nth = &Nth{} }, []string{"trigger.nth.visit OUT_OF_RANGE", "trigger.nth CONTRADICTION"}},
		{"a radius", func(c *Campaign, _ *Known) { c.Trigger.Radius, c.Trigger.Purposes = 100, []store.Purpose{store.Visit} }, []string{"trigger.radius CONTRADICTION"}},
		{"a radius of nothing", func(c *Campaign, _ *Known) { c.Trigger.Radius = math.NaN() }, []string{"trigger.radius OUT_OF_RANGE"}},
		{"a sending in the past", func(c *Campaign, _ *Known) {
			c.Trigger = Trigger{Kinds: []Kind{Scheduled}, Send: &Send{At: noon.Add(-time.Second)}}
		},
			[]string{"trigger.send.at NEVER_OCCURS", "texts.en.body VARIABLE", "texts.ko.body VARIABLE"}},
		{"a date of no attribute", func(c *Campaign, _ *Known) {
			c.Trigger = Trigger{Kinds: []Kind{Dated}, Send: &Send{Date: "joined"}}
			c.Texts = map[string]Text{"ko": {"", "b"}}
		},
			[]string{"trigger.send.date UNKNOWN"}},
		{"an absence of nothing", func(c *Campaign, _ *Known) {
			c.Trigger = Trigger{Kinds: []Kind{Absent}, Send: &Send{}}
			c.Texts = map[string]Text{"ko": {"", "b"}}
		},
			[]string{"trigger.send.without REQUIRED", "trigger.send.days REQUIRED"}},

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
		{"variables that need something to stand in", func(c *Campaign, k *Known) {
			k.Brand.Settings.Attributes = []brand.Attribute{{Name: "nickname", Type: brand.TypeString}}
			c.Texts = map[string]Text{"ko": {"{item} {price} {keyword}", "{person.nickname} {person.shoes|x} {item|{x}}"}, "en": {"{item|a} {keyword|}", "{person.nickname|you}"}}
		}, []string{"texts.ko.title VARIABLE", "texts.ko.title VARIABLE", "texts.ko.title VARIABLE", "texts.ko.body VARIABLE", "texts.ko.body VARIABLE", "texts.ko.body VARIABLE"}},
		{"variants", func(c *Campaign, _ *Known) {
			c.Variants = []Variant{{Name: "a", Weight: 1}, {Name: "a", Weight: 0}, {Name: ArmHeldOut, Weight: 1, Texts: map[string]Text{"ko": {"", ""}}, DeepLink: "data:x"}}
		}, []string{"variants[1].name CONTRADICTION", "variants[1].weight OUT_OF_RANGE", "variants[2].name CONTRADICTION", "variants[2].texts.ko.body REQUIRED", "variants[2].deep_link UNSAFE_ADDRESS"}},
		{"holdout", func(c *Campaign, _ *Known) { c.Holdout = math.NaN() }, []string{"holdout OUT_OF_RANGE"}},
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
		{"variables in links", func(c *Campaign, _ *Known) {
			c.DeepLink, c.ImageURL = "cafeon://s/{store_id}?c={coupon_code}", "https://a.example/{store_id|x}.png"
		}, nil},
		{"a variable that chooses the scheme", func(c *Campaign, _ *Known) { c.DeepLink = "{store}:x" }, []string{"deep_link VARIABLE"}},
		{"a variable that chooses the host", func(c *Campaign, _ *Known) {
			c.DeepLink, c.ImageURL = "cafeon://{store}/x", "https://a.example{store}/x"
		},
			[]string{"deep_link VARIABLE", "image_url VARIABLE"}},
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
