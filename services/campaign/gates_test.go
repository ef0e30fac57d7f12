package campaign

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/store"
)

// scene is one moment and one campaign, all gates open, for a test to close one.
type scene struct {
	v *View
	c *Campaign
	m *Moment
}

func open() *scene { return &scene{view(), latte(), entering()} }

func (s *scene) decide() Result {
	if s.v.Campaigns == nil {
		s.v.Campaigns = referring().Index([]*Campaign{s.c})
	}
	return Decide(s.v, []Candidate{{s.c, s.m}})
}

// at moves the whole scene to another time of the clock in Seoul.
func (s *scene) at(clock string) {
	t, err := time.ParseInLocation("2006-01-02 15:04:05.000", clock, zone("Asia/Seoul"))
	if err != nil {
		panic(err)
	}
	s.v.Now, s.m.Received, s.m.At = t, t, t
}

func seenBefore(d time.Duration) cap.Entry {
	return cap.Entry{NotificationID: id(900), At: noon.Add(-d), Campaign: id(40), Store: id(20), Channel: ChannelPush}
}

func TestGates(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*scene)
		want   Reason
		values map[string]string // those that must be there
	}{
		{"all open", func(*scene) {}, Won, nil},

		{"late", func(s *scene) { s.m.Late = true }, NotFresh, map[string]string{"why": "late"}},
		{"received unknown", func(s *scene) { s.m.Received = time.Time{} }, NotFresh, map[string]string{"why": "time_unknown"}},
		{"before the deadline", func(s *scene) { s.m.Received = noon.Add(-10*time.Minute + 1) }, Won, nil},
		{"at the deadline", func(s *scene) { s.m.Received = noon.Add(-10 * time.Minute) }, NotFresh, map[string]string{"why": "deadline"}},
		{"exited has 30 min", func(s *scene) { s.m.Kind = Exited; s.m.Received = noon.Add(-29 * time.Minute) }, Won, nil},
		{"own deadline", func(s *scene) { s.c.Deadline = time.Minute; s.m.Received = noon.Add(-2 * time.Minute) }, NotFresh, nil},

		{"brand stopped", func(s *scene) { s.v.Brand.Stopped = true; s.c.State = Paused }, BrandStopped, nil},
		{"paused", func(s *scene) { s.c.State = Paused }, CampaignNotLive, map[string]string{"state": "paused"}},
		{"deleted", func(s *scene) { s.c.DeletedAt = noon }, CampaignNotLive, map[string]string{"state": "deleted"}},
		{"store shut", func(s *scene) { s.m.Store.Closed = true }, StoreClosed, map[string]string{"why": "state"}},
		{"store's zone unreadable", func(s *scene) { s.m.Store.TimeZone = "Mars/Base" }, OutsideHours, map[string]string{"why": "zone_unknown"}},
		{"store without a zone has the brand's", func(s *scene) { s.m.Store.TimeZone = "" }, Won, nil},
		{"no zone at all", func(s *scene) { s.m.Store.TimeZone, s.v.Brand.Settings.TimeZone = "", "" }, OutsideHours, nil},
		{"Local is no zone", func(s *scene) { s.m.Store.TimeZone = "Local" }, OutsideHours, nil},
		{"first day", func(s *scene) { s.c.Schedule.StartDate = "2026-05-13" }, Won, nil},
		{"day before the first", func(s *scene) { s.c.Schedule.StartDate = "2026-05-14" }, OutsideDates, map[string]string{"local_time": "2026-05-13T12:00", "zone": "Asia/Seoul"}},
		{"last day", func(s *scene) { s.c.Schedule.EndDate = "2026-05-13" }, Won, nil},
		{"day after the last", func(s *scene) { s.c.Schedule.EndDate = "2026-05-12" }, OutsideDates, nil},
		{"date unreadable", func(s *scene) { s.c.Schedule.EndDate = "2026-5-13" }, OutsideDates, nil},
		{"in hours", func(s *scene) { s.c.Schedule.Weekly = []store.Span{{Day: time.Wednesday, From: 720, Until: 721}} }, Won, nil},
		{"hours just over", func(s *scene) { s.c.Schedule.Weekly = []store.Span{{Day: time.Wednesday, From: 700, Until: 720}} }, OutsideHours, nil},
		{"open", func(s *scene) {
			s.c.OpenOnly = true
			s.m.Store.Hours.Weekly = []store.Span{{Day: time.Wednesday, From: 720, Until: 800}}
		}, Won, nil},
		{"shut now", func(s *scene) {
			s.c.OpenOnly = true
			s.m.Store.Hours.Weekly = []store.Span{{Day: time.Wednesday, From: 721, Until: 800}}
		}, StoreClosed, map[string]string{"why": "hours"}},
		{"hours unknown", func(s *scene) { s.c.OpenOnly = true }, StoreClosed, map[string]string{"why": "hours_unknown"}},
		{"hours unknown, not asked", func(s *scene) { s.c.OpenOnly = false }, Won, nil},
		{"no store to be open", func(s *scene) { s.c.OpenOnly = true; s.m.Store = nil }, StoreClosed, map[string]string{"why": "no_store"}},

		{"cooldown", func(s *scene) {
			s.c.Cooldown = time.Hour
			s.v.History.Entries = []cap.Entry{seenBefore(time.Hour - 1)}
		}, Cooldown, map[string]string{"cooldown": "1h0m0s"}},
		{"cooldown just over", func(s *scene) {
			s.c.Cooldown = time.Hour
			s.v.History.Entries = []cap.Entry{seenBefore(time.Hour)}
		}, Won, nil},
		{"cooldown of what was given back", func(s *scene) {
			s.c.Cooldown = time.Hour
			e := seenBefore(time.Minute)
			e.Released = true
			s.v.History.Entries = []cap.Entry{e}
		}, Won, nil},
		{"cooldown by a fold", func(s *scene) {
			s.c.Cooldown = 48 * time.Hour
			s.v.History.Folds = []cap.Fold{{From: noon.Add(-30 * time.Hour), Until: noon.Add(-6 * time.Hour), Scope: cap.Campaign, Key: id(40).String(), Count: 1}}
		}, Cooldown, nil},
		{"brand cap", func(s *scene) {
			s.v.Brand.Settings.Caps = []cap.Cap{{Scope: cap.Brand, Limit: 1, Window: cap.Window{Calendar: cap.Day}}}
			s.v.History.Entries = []cap.Entry{seenBefore(time.Hour)}
		}, CapReached, map[string]string{"of": "brand", "scope": "brand", "limit": "1", "window": "day", "count": "1", "free_at": "2026-05-13T15:00:00Z"}},
		{"brand cap, yesterday", func(s *scene) {
			s.v.Brand.Settings.Caps = []cap.Cap{{Scope: cap.Brand, Limit: 1, Window: cap.Window{Calendar: cap.Day}}}
			s.v.History.Entries = []cap.Entry{seenBefore(13 * time.Hour)}
		}, Won, nil},
		{"calendar cap without a zone", func(s *scene) {
			s.v.Brand.Settings.Caps = []cap.Cap{{Scope: cap.Brand, Limit: 5, Window: cap.Window{Calendar: cap.Day}}}
			s.v.History.Location = nil
		}, CapReached, nil},
		{"campaign cap", func(s *scene) {
			s.c.Caps = []cap.Cap{{Scope: cap.Campaign, Limit: 1, Window: cap.Window{Rolling: 2 * time.Hour}}}
			s.v.History.Entries = []cap.Entry{seenBefore(time.Hour)}
		}, CapReached, map[string]string{"of": "campaign", "scope": "campaign", "window": "2h0m0s", "free_at": "2026-05-13T04:00:00Z"}},
		{"cap before gap", func(s *scene) {
			s.v.Brand.Settings.MinGap = 10 * time.Minute
			s.v.Brand.Settings.Caps = []cap.Cap{{Scope: cap.Brand, Limit: 1, Window: cap.Window{Rolling: time.Hour}}}
			s.v.History.Entries = []cap.Entry{seenBefore(time.Minute)}
		}, CapReached, nil},
		{"gap", func(s *scene) {
			s.v.Brand.Settings.MinGap = 10 * time.Minute
			s.v.History.Entries = []cap.Entry{seenBefore(10*time.Minute - 1)}
		}, MinimumGap, map[string]string{"gap": "10m0s"}},
		{"gap kept", func(s *scene) {
			s.v.Brand.Settings.MinGap = 10 * time.Minute
			s.v.History.Entries = []cap.Entry{seenBefore(10 * time.Minute)}
		}, Won, nil},

		{"per person", func(s *scene) { s.v.Issued[id(50)] = 1 }, PersonLimit, map[string]string{"limit": "1", "count": "1"}},
		{"per person without limit", func(s *scene) { s.v.Issued[id(50)] = 9; s.c.Offer.PerPerson = 0 }, Won, nil},
		{"offer over", func(s *scene) { s.c.Offer.ValidUntil = noon }, StockGone, map[string]string{"why": "offer_over"}},
		{"offer not over", func(s *scene) { s.c.Offer.ValidUntil = noon.Add(1) }, Won, nil},
		{"offer without an end", func(s *scene) { s.c.Offer.Validity = 0 }, StockGone, nil},
		{"stock", func(s *scene) { s.c.Offer.Stock = 1; s.v.Stock.(*shelf).left[id(50)] = 1 }, Won, nil},
		{"no stock", func(s *scene) { s.c.Offer.Stock = 7; s.v.Stock.(*shelf).left[id(50)] = 0 }, StockGone, map[string]string{"why": "none_left", "stock": "7"}},
		{"stock gone at last", func(s *scene) {
			s.c.Offer.Stock = 7
			s.v.Stock = &shelf{left: map[uuid.UUID]int{id(50): 1}, emptied: true}
		}, StockGone, nil},
		{"nobody to ask for stock", func(s *scene) { s.c.Offer.Stock = 7; s.v.Stock = nil }, StockGone, map[string]string{"why": "stock_unknown"}},

		{"no consent on record", func(s *scene) { s.v.Profile.Consents = nil }, AdNotConsented, map[string]string{"purpose": "ad_push"}},
		{"no profile", func(s *scene) { s.v.Profile = nil }, AdNotConsented, nil},
		{"withdrawn", func(s *scene) { s.v.Profile.Consents[audience.AdPush] = audience.Standing{} }, AdNotConsented, nil},
		{"permission is no consent", func(s *scene) { s.v.Profile.Consents = consents(audience.OSPush, audience.AdPushNight) }, AdNotConsented, nil},
		{"informational is an ad", func(s *scene) { s.v.Profile.Consents = nil; s.c.Category, s.c.Offer = Informational, nil }, AdNotConsented, nil},

		{"device of somebody else", func(s *scene) { s.m.DeviceID = id(61) }, Unreachable, map[string]string{"why": "device_unknown"}},
		{"no device named", func(s *scene) { s.m.DeviceID = uuid.Nil; s.v.Devices[0].ID = uuid.Nil }, Unreachable, nil},
		{"no address", func(s *scene) { s.v.Devices[0].Address = nil }, Unreachable, map[string]string{"why": "address_missing"}},
		{"address gone", func(s *scene) { s.v.Devices[0].AddressState = "gone" }, Unreachable, map[string]string{"why": "address_gone"}},
		{"address state missing", func(s *scene) { s.v.Devices[0].AddressState = "" }, Unreachable, map[string]string{"why": "address_gone"}},
		{"refused in the system", func(s *scene) { s.v.Devices[0].OSPushRefused = true }, Unreachable, map[string]string{"why": "os_push_refused"}},
		{"refusal on record", func(s *scene) { s.v.Profile.Consents[audience.OSPush] = audience.Standing{} }, Unreachable, map[string]string{"why": "os_push_refused"}},
		{"another device would do", func(s *scene) {
			other := phone()
			other.ID = id(61)
			s.v.Devices[0].Address = nil
			s.v.Devices = append(s.v.Devices, other)
		}, Unreachable, nil},
		{"in front of the person", func(s *scene) { s.m.Foreground = true; s.v.Devices[0].Address = nil }, Won, nil},

		{"no text", func(s *scene) { s.c.Texts = nil }, TextRefused, map[string]string{"why": "no_text"}},
		{"variable unknown", func(s *scene) { s.c.Texts["ko"] = Text{"{nope}", "x"} }, TextRefused, map[string]string{"why": "variable_unknown", "variable": "nope"}},
		{"variable without value", func(s *scene) { s.m.Store = nil }, TextRefused, map[string]string{"why": "variable_missing", "variable": "store"}},
		{"no sender", func(s *scene) { s.v.Brand.Settings.SenderContact = " " }, TextRefused, map[string]string{"why": "sender_missing"}},
		{"look-alike", func(s *scene) { s.c.Texts["ko"] = Text{"[광고] 라떼", "x"} }, TextRefused, map[string]string{"why": "label_look_alike"}},
		{"nothing to say", func(s *scene) { s.c.Texts["ko"] = Text{"라떼", "(광고) \u200b"} }, TextRefused, map[string]string{"why": "empty"}},
		{"too large", func(s *scene) { s.c.DeepLink = "app://" + string(make([]byte, 1500)) }, TextRefused, map[string]string{"why": "too_large"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := open()
			tc.change(s)
			r := s.decide()
			require.Len(t, r.Decisions, 1)
			d := r.Decisions[0]
			require.Equal(t, tc.want, d.Reason, d.Values)
			for k, v := range tc.values {
				require.Equal(t, v, d.Values[k], k)
			}
			if tc.want == Won {
				require.NotNil(t, r.Winner)
				require.Equal(t, r.Notification.ID, r.Entry.NotificationID)
			} else {
				require.Equal(t, Result{Decisions: r.Decisions}, r, "nothing else comes of a refusal")
				if sh, ok := s.v.Stock.(*shelf); ok {
					require.Zero(t, sh.taken)
				}
			}
		})
	}
}

func TestQuietHours(t *testing.T) {
	for _, tc := range []struct {
		name, clock string
		change      func(*scene)
		won         bool
	}{
		{"before the margin", "2026-05-13 20:49:59.999", nil, true},
		{"at the margin", "2026-05-13 20:50:00.000", nil, false},
		{"before the margin ends", "2026-05-13 08:00:59.999", nil, false},
		{"after the margin", "2026-05-13 08:01:00.000", nil, true},
		{"statute, last moment", "2026-05-13 20:59:59.999", noMargins, true},
		{"statute, 21:00", "2026-05-13 21:00:00.000", noMargins, false},
		{"statute, 07:59", "2026-05-13 07:59:59.999", noMargins, false},
		{"statute, 08:00", "2026-05-13 08:00:00.000", noMargins, true},
		{"night consent", "2026-05-13 23:00:00.000", func(s *scene) {
			s.v.Profile.Consents = consents(audience.AdPush, audience.AdPushNight)
		}, true},
		{"night consent alone", "2026-05-13 23:00:00.000", func(s *scene) { s.v.Profile.Consents = consents(audience.AdPushNight) }, false},
		{"in front of the person, at night", "2026-05-13 23:00:00.000", func(s *scene) { s.m.Foreground = true }, false},
		{"unknown zone is Seoul", "2026-05-13 23:00:00.000", func(s *scene) { s.v.Profile.TimeZone = "" }, false},
		{"unknown zone, day in Seoul", "2026-05-13 12:00:00.000", func(s *scene) { s.v.Profile.TimeZone = "" }, true},
		{"day in Seoul, night for the traveller", "2026-05-13 12:30:00.000", func(s *scene) { s.v.Profile.TimeZone = "America/New_York" }, false},
		{"day in Seoul, night for the phone", "2026-05-13 12:30:00.000", func(s *scene) { s.v.Devices[0].TimeZone = "America/New_York" }, false},
		{"day for the traveller, night in Seoul", "2026-05-13 23:00:00.000", func(s *scene) { s.v.Profile.TimeZone = "America/New_York" }, false},
		{"margins out of range", "2026-05-13 12:00:00.000", func(s *scene) { s.v.Brand.Settings.QuietCloseMargin = -time.Hour }, false},
		{"elsewhere, the person's night", "2026-05-13 12:30:00.000", func(s *scene) {
			s.v.Brand.Settings.Jurisdiction, s.v.Profile.TimeZone = "US", "America/New_York"
		}, false},
		{"elsewhere, the person's day", "2026-05-13 23:00:00.000", func(s *scene) {
			s.v.Brand.Settings.Jurisdiction, s.v.Profile.TimeZone = "US", "America/New_York"
		}, true},
		{"elsewhere, zone unknown: the store's night", "2026-05-13 23:00:00.000", func(s *scene) {
			s.v.Brand.Settings.Jurisdiction, s.v.Profile.TimeZone = "US", ""
		}, false},
		{"elsewhere, zone unknown: the store's day", "2026-05-13 12:00:00.000", func(s *scene) {
			s.v.Brand.Settings.Jurisdiction, s.v.Profile.TimeZone = "US", "nowhere"
		}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := open()
			s.at(tc.clock)
			if tc.change != nil {
				tc.change(s)
			}
			d := s.decide().Decisions[0]
			require.Equal(t, tc.won, d.Reason == Won, "%s %v", d.Reason, d.Values)
		})
	}
}

func noMargins(s *scene) {
	s.v.Brand.Settings.QuietCloseMargin, s.v.Brand.Settings.QuietOpenMargin = 0, 0
}

func TestQuietHoursSayUntilWhen(t *testing.T) {
	s := open()
	s.at("2026-05-13 22:00:00.000")
	d := s.decide().Decisions[0]
	require.Equal(t, QuietHours, d.Reason)
	require.Equal(t, map[string]string{"zone": "Asia/Seoul", "until": "2026-05-13T23:01:00Z"}, d.Values)
}

func TestDeadlineEndsWhereTheNightBegins(t *testing.T) {
	for _, tc := range []struct {
		clock string
		night bool
		want  time.Duration
	}{
		{"2026-05-13 20:30:00.000", false, 10 * time.Minute},
		{"2026-05-13 20:45:00.000", false, 5 * time.Minute},
		{"2026-05-13 20:45:00.000", true, 10 * time.Minute},
	} {
		s := open()
		s.at(tc.clock)
		if tc.night {
			s.v.Profile.Consents = consents(audience.AdPush, audience.AdPushNight)
		}
		r := s.decide()
		require.Len(t, r.Deliveries, 1)
		require.Equal(t, s.v.Now.Add(tc.want).UTC(), r.Deliveries[0].Deadline.UTC(), "%s", tc.clock)
		require.Equal(t, instant(r.Deliveries[0].Deadline), r.Notification.Data["wantgo_deadline"])
	}
}

func TestInAppIsFollowedByAPush(t *testing.T) {
	s := open()
	s.m.Foreground = true
	r := s.decide()
	require.Equal(t, ChannelInApp, r.Decisions[0].Channel)
	require.Equal(t, ChannelInApp, r.Entry.Channel)
	require.Len(t, r.Deliveries, 1)
	require.Equal(t, noon.Add(20*time.Second), r.Deliveries[0].NotBefore)

	s = open()
	s.at("2026-05-13 20:49:45.000")
	s.m.Foreground = true
	r = s.decide()
	require.Equal(t, Won, r.Decisions[0].Reason)
	require.Len(t, r.Deliveries, 1)
	require.Equal(t, pusher.Suppressed, r.Deliveries[0].State, "the push would start in the quiet hours: its text is kept for the inbox")
	require.Empty(t, r.Deliveries[0].Provider)
}

func TestReasonsNameNoStore(t *testing.T) {
	s := open()
	s.v.Brand.Settings.Caps = []cap.Cap{{Scope: cap.Store, Limit: 1, Window: cap.Window{Rolling: time.Hour}}}
	s.v.History.Entries = []cap.Entry{seenBefore(time.Minute)}
	d := s.decide().Decisions[0]
	require.Equal(t, CapReached, d.Reason)
	for _, v := range d.Values {
		require.NotContains(t, v, s.m.Store.ID.String())
	}
}
