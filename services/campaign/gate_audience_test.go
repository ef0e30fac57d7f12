package campaign

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/expression"
	"github.com/wantgo/wantgo/services/item"
)

// The segments of the tests: a list that is on list 601, and a rule.
var (
	regulars = &audience.Segment{ID: id(600), ExternalID: "regulars", List: id(601)}
	rich     = &audience.Segment{ID: id(610), Rule: `person.points > 100.0`}
	broken   = &audience.Segment{ID: id(620), Rule: `person.nonsense`}
)

// declared is what the brands of the tests declare.
var declared = brand.Settings{Attributes: []brand.Attribute{{Name: "points", Type: brand.TypeNumber}}}

var declaredSchema = expression.NewSchema(&declared)

// referring is what the campaigns of a view may refer to.
func referring() References {
	return References{Schema: declaredSchema, Segments: []*audience.Segment{regulars, rich, broken}}
}

// declaring is a scene whose brand declares something, and whose person agrees to be judged by it.
func declaring() *scene {
	s := open()
	s.v.Brand.Settings.Attributes = declared.Attributes
	s.v.Profile.Consents = consents(audience.AdPush, audience.MarketingProfile)
	s.v.Profile.Attributes = map[string]any{"points": 120.0}
	return s
}

// visiting counts visits: n at any store, n/2 at each.
func visiting(n int, consented bool) *Visits {
	return &Visits{Consented: consented, Count: func(at uuid.UUID, _ time.Time) int {
		if at == uuid.Nil {
			return n
		}
		return n / 2
	}}
}

// notice makes a scene one of information: a person viewed an item, and no offer is made.
func notice(category Category) func(*scene) {
	return func(s *scene) {
		s.c.Category, s.c.Offer, s.c.InformationalReason = category, nil, "opening hours"
		s.c.Trigger = Trigger{Kinds: []Kind{Viewed}}
		s.c.Texts = map[string]Text{"ko": {"가", "나"}}
		s.m.Kind, s.m.Fence, s.m.Store = Viewed, nil, nil
		s.m.Item = &item.Item{ExternalID: "i-1", Category: "coffee"}
	}
}

func TestAudienceGates(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*scene)
		want   Reason
		values map[string]string
	}{
		{"filter", func(s *scene) { s.c.Trigger.Filter = `moment.distance_meters < 20.0` }, Won, nil},
		{"filter, no", func(s *scene) { s.c.Trigger.Filter = `moment.distance_meters > 20.0` }, MomentFiltered, map[string]string{"why": "false"}},
		{"filter, missing", func(s *scene) { s.c.Trigger.Filter = `moment.amount != 3.0` }, MomentFiltered, map[string]string{"why": "missing", "field": "moment.amount"}},
		{"filter that does not compile", func(s *scene) { s.c.Trigger.Filter = `moment.` }, MomentFiltered, map[string]string{"why": "unclear"}},

		{"second visit", func(s *scene) { s.c.Trigger.Nth = &Nth{Visit: 2}; s.m.Visits = visiting(4, true) }, Won, nil},
		{"second visit, anywhere", func(s *scene) { s.c.Trigger.Nth = &Nth{Visit: 2, AnyStore: true}; s.m.Visits = visiting(4, true) }, NotNthVisit, map[string]string{"visit": "2", "count": "4"}},
		{"every second visit", func(s *scene) {
			s.c.Trigger.Nth = &Nth{Visit: 2, AnyStore: true, Every: true}
			s.m.Visits = visiting(4, true)
		}, Won, nil},
		{"no visit is no second", func(s *scene) { s.c.Trigger.Nth = &Nth{Visit: 2, Every: true}; s.m.Visits = visiting(0, true) }, NotNthVisit, nil},
		{"visits not consented", func(s *scene) { s.c.Trigger.Nth = &Nth{Visit: 2}; s.m.Visits = visiting(4, false) }, VisitHistoryNotConsented, map[string]string{"purpose": "loc_retain"}},
		{"visits not known", func(s *scene) { s.c.Trigger.Nth = &Nth{Visit: 2} }, VisitHistoryNotConsented, nil},

		{"in the segment", func(s *scene) {
			s.c.Segments = []uuid.UUID{id(600)}
			s.v.Profile.Segments = []uuid.UUID{id(601)}
		}, Won, nil},
		{"not in the segment", func(s *scene) { s.c.Segments = []uuid.UUID{id(600)} }, NotInSegment, nil},
		{"the segment's id is not its list's", func(s *scene) {
			s.c.Segments = []uuid.UUID{id(600)}
			s.v.Profile.Segments = []uuid.UUID{id(600)}
		}, NotInSegment, nil},
		{"in one of the segments", func(s *scene) { s.c.Segments = []uuid.UUID{id(600), id(610)} }, Won, nil},
		{"segment by rule, missing", func(s *scene) { s.c.Segments = []uuid.UUID{id(610)}; s.v.Profile.Attributes = nil }, NotInSegment, map[string]string{"why": "missing", "field": "person.points"}},
		{"segment by a rule that does not compile", func(s *scene) { s.c.Segments = []uuid.UUID{id(620)} }, NotInSegment, map[string]string{"why": "unclear"}},
		{"no such segment", func(s *scene) { s.c.Segments = []uuid.UUID{id(699)} }, NotInSegment, map[string]string{"why": "segment_unknown"}},
		{"segment, no profile consent", func(s *scene) {
			s.c.Segments = []uuid.UUID{id(600)}
			s.v.Profile.Segments, s.v.Profile.Consents = []uuid.UUID{id(601)}, consents(audience.AdPush)
		}, ProfileNotConsented, map[string]string{"purpose": "marketing_profile"}},

		{"left out", func(s *scene) {
			s.c.Excluded = []uuid.UUID{id(600)}
			s.v.Profile.Segments = []uuid.UUID{id(601)}
		}, ExcludedSegment, map[string]string{"segment": id(600).String()}},
		{"not left out", func(s *scene) { s.c.Excluded = []uuid.UUID{id(600)} }, Won, nil},
		{"a list spares without profile consent", func(s *scene) {
			s.c.Excluded, s.v.Profile.Consents = []uuid.UUID{id(600)}, consents(audience.AdPush)
		}, Won, nil},
		{"left out by rule", func(s *scene) { s.c.Excluded = []uuid.UUID{id(610)} }, ExcludedSegment, nil},
		{"not left out by rule", func(s *scene) { s.c.Excluded = []uuid.UUID{id(610)}; s.v.Profile.Attributes["points"] = 5.0 }, Won, nil},
		{"perhaps left out", func(s *scene) { s.c.Excluded = []uuid.UUID{id(610)}; s.v.Profile.Attributes = nil }, ExcludedSegment, map[string]string{"why": "missing", "field": "person.points"}},
		{"left out by a rule that does not compile", func(s *scene) { s.c.Excluded = []uuid.UUID{id(620)} }, ExcludedSegment, map[string]string{"why": "unclear"}},
		{"left out by what is gone", func(s *scene) { s.c.Excluded = []uuid.UUID{id(699)} }, ExcludedSegment, map[string]string{"why": "segment_unknown"}},
		{"left out before asked for", func(s *scene) {
			s.c.Excluded, s.c.Segments = []uuid.UUID{id(600)}, []uuid.UUID{id(600)}
			s.v.Profile.Segments = []uuid.UUID{id(601)}
		}, ExcludedSegment, nil},

		{"audience", func(s *scene) { s.c.Audience = `person.points > 100.0 && store.external_id == "s-1"` }, Won, nil},
		{"audience, no", func(s *scene) { s.c.Audience = `person.points > 200.0` }, NotInAudience, map[string]string{"why": "false"}},
		{"audience, missing", func(s *scene) { s.c.Audience = `person.tier != "silver"` }, NotInAudience, map[string]string{"why": "missing", "field": "person.tier"}},
		{"audience by list", func(s *scene) {
			s.c.Audience = `"regulars" in person.segments`
			s.v.Profile.Segments = []uuid.UUID{id(601)}
		}, Won, nil},
		{"audience, no profile consent", func(s *scene) {
			s.c.Audience, s.v.Profile.Consents = `person.points > 100.0`, consents(audience.AdPush)
		}, ProfileNotConsented, nil},
		{"audience of what is no profile", func(s *scene) {
			s.c.Audience, s.v.Profile.Consents = `!person.staff && "cafe" in store.tags`, consents(audience.AdPush)
		}, Won, nil},
		{"audience by visits", func(s *scene) {
			s.c.Audience = `person.visits(30) == 4 && person.visits_here(30) == 2`
			s.m.Visits = visiting(4, true)
		}, Won, nil},
		{"audience by visits, not consented", func(s *scene) { s.c.Audience = `person.visits(30) < 9`; s.m.Visits = visiting(4, false) }, VisitHistoryNotConsented, nil},
		{"audience, nobody known", func(s *scene) { s.c.Audience = `!person.staff`; s.v.Profile = nil }, NotInAudience, map[string]string{"why": "missing"}},
		{"audience without an index", func(s *scene) { s.c.Audience = `true`; s.v.Campaigns = NewIndex(nil) }, NotInAudience, map[string]string{"why": "unclear"}},

		{"a notice needs no consent to advertising", func(s *scene) { notice(Informational)(s); s.v.Profile.Consents = nil }, Won, nil},
		{"a notice may be chosen by profile", func(s *scene) {
			notice(Informational)(s)
			s.c.Audience, s.v.Profile.Consents = `person.points > 100.0`, nil
		}, Won, nil},
		{"what a fence triggers is an advertisement", func(s *scene) { s.c.Category, s.v.Profile.Consents = Informational, nil }, AdNotConsented, nil},
		{"a notice meets caps", func(s *scene) { notice(Informational)(s); fullToday(s) }, CapReached, nil},
		{"a transactional one does not", func(s *scene) { notice(Transactional)(s); fullToday(s); s.v.Brand.Settings.MinGap = time.Hour }, Won, nil},

		{"held out by the brand", func(s *scene) { s.v.Brand.Settings.Holdout = 1 }, HeldOut, map[string]string{"of": "brand"}},
		{"held out by the campaign", func(s *scene) { s.c.Holdout = 1 }, HeldOut, map[string]string{"of": "campaign"}},
		{"held out before caps", func(s *scene) { s.c.Holdout = 1; fullToday(s) }, HeldOut, nil},
		{"not of the audience before held out", func(s *scene) { s.c.Holdout, s.c.Audience = 1, `false` }, NotInAudience, nil},
		{"a transactional notice is not the brand's to hold back", func(s *scene) { notice(Transactional)(s); s.v.Brand.Settings.Holdout = 1 }, Won, nil},

		{"own limit a day", own(audience.Limits{PerDay: 1}, time.Hour), OwnLimit, map[string]string{"limit": "1", "window": "day", "count": "1", "free_at": "2026-05-13T15:00:00Z"}},
		{"own limit a day, yesterday", own(audience.Limits{PerDay: 1}, 13*time.Hour), Won, nil},
		{"own limit a week", own(audience.Limits{PerWeek: 1}, 13*time.Hour), OwnLimit, map[string]string{"window": "week"}},
		{"own limit, last week", own(audience.Limits{PerWeek: 1}, 72*time.Hour), Won, nil},
		{"own limit of a transactional notice", func(s *scene) { notice(Transactional)(s); own(audience.Limits{PerDay: 1}, time.Hour)(s) }, Won, nil},
		{"muted topic", func(s *scene) {
			s.c.Tags, s.v.Profile.Limits = []string{"tea", "coffee"}, &audience.Limits{MutedTopics: []string{"coffee"}}
		}, TopicMuted, map[string]string{"topic": "coffee"}},
		{"another topic", func(s *scene) {
			s.c.Tags, s.v.Profile.Limits = []string{"tea"}, &audience.Limits{MutedTopics: []string{"coffee"}}
		}, Won, nil},
		{"muted store", func(s *scene) { s.v.Profile.Limits = &audience.Limits{MutedStores: []uuid.UUID{id(20)}} }, StoreMuted, nil},
		{"own quiet hours", func(s *scene) { s.v.Profile.Limits = &audience.Limits{QuietFrom: 12 * 60, QuietUntil: 13 * 60} }, OwnQuietHours, map[string]string{"zone": "Asia/Seoul", "until": "2026-05-13T04:00:00Z"}},
		{"own quiet hours, not yet", func(s *scene) { s.v.Profile.Limits = &audience.Limits{QuietFrom: 12*60 + 1, QuietUntil: 13 * 60} }, Won, nil},
		{"own quiet hours whatever is agreed", func(s *scene) {
			s.v.Profile.Consents[audience.AdPushNight] = audience.Standing{Granted: true}
			s.v.Profile.Limits = &audience.Limits{QuietFrom: 12 * 60, QuietUntil: 13 * 60}
		}, OwnQuietHours, nil},
		{"own quiet hours hold for what one has, too", func(s *scene) {
			notice(Transactional)(s)
			s.v.Profile.Limits = &audience.Limits{QuietFrom: 12 * 60, QuietUntil: 13 * 60}
		}, OwnQuietHours, nil},
		{"own quiet hours in the person's zone", func(s *scene) {
			s.v.Profile.TimeZone, s.v.Profile.Limits = "America/New_York", &audience.Limits{QuietFrom: 12 * 60, QuietUntil: 13 * 60}
			s.v.Profile.Consents[audience.AdPushNight] = audience.Standing{Granted: true}
		}, Won, nil},

		{"test people: caps", func(s *scene) { s.v.Profile.Test = true; fullToday(s); s.v.Brand.Settings.MinGap = time.Hour }, Won, map[string]string{"test": "true"}},
		{"test people: cooldown", func(s *scene) {
			s.v.Profile.Test, s.c.Cooldown = true, 24*time.Hour
			s.v.History.Entries = []cap.Entry{seenBefore(time.Hour)}
		}, Won, nil},
		{"test people: holdout", func(s *scene) { s.v.Profile.Test, s.c.Holdout, s.v.Brand.Settings.Holdout = true, 1, 1 }, Won, nil},
		{"test people: own hours", func(s *scene) {
			s.v.Profile.Test, s.v.Profile.Limits = true, &audience.Limits{QuietFrom: 12 * 60, QuietUntil: 13 * 60}
		}, Won, nil},
		{"test people: margins", func(s *scene) { s.v.Profile.Test = true; s.at("2026-05-13 20:55:00.000") }, Won, nil},
		{"test people: the law's night", func(s *scene) { s.v.Profile.Test = true; s.at("2026-05-13 21:00:00.000") }, QuietHours, map[string]string{"test": "true"}},
		{"test people elsewhere have no night", func(s *scene) {
			s.v.Profile.Test, s.v.Brand.Settings.Jurisdiction = true, "EU"
			s.at("2026-05-13 23:00:00.000")
		}, Won, nil},
		{"test people: consent", func(s *scene) { s.v.Profile.Test, s.v.Profile.Consents = true, nil }, AdNotConsented, nil},
		{"test people: audience", func(s *scene) { s.v.Profile.Test, s.c.Audience = true, `false` }, NotInAudience, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := declaring()
			tc.change(s)
			d := s.decide().Decisions[0]
			require.Equal(t, tc.want, d.Reason, "%v", d.Values)
			for k, v := range tc.values {
				require.Equal(t, v, d.Values[k], k)
			}
			require.Equal(t, s.v.Profile != nil && s.v.Profile.Test, d.Test)
		})
	}
}

func fullToday(s *scene) {
	s.v.Brand.Settings.Caps = []cap.Cap{{Scope: cap.Brand, Limit: 1, Window: cap.Window{Calendar: cap.Day}}}
	s.v.History.Entries = []cap.Entry{seenBefore(time.Hour)}
}

func own(l audience.Limits, seen time.Duration) func(*scene) {
	return func(s *scene) {
		s.v.Profile.Limits = &l
		s.v.History.Entries = []cap.Entry{seenBefore(seen)}
	}
}

func TestTransactionalIsNotCounted(t *testing.T) {
	for category, counted := range map[Category]bool{Informational: true, Transactional: false} {
		s := open()
		notice(category)(s)
		r := s.decide()
		require.Equal(t, counted, r.Entry != nil, category)
		require.Equal(t, string(category), r.Notification.Category)
		require.NotContains(t, r.Notification.Title, Label)
	}
}

func TestTestsAreMarkedBehindTheLabel(t *testing.T) {
	s := open()
	s.v.Profile.Test = true
	require.Equal(t, "(광고) [test] 오늘만 라떼 30% 쿠폰", s.decide().Notification.Title)
}

// For the person's own quiet hours nothing may arrive in them either.
func TestDeadlineEndsWhereTheOwnHoursBegin(t *testing.T) {
	s := open()
	s.v.Profile.Limits = &audience.Limits{QuietFrom: 12*60 + 4, QuietUntil: 13 * 60}
	require.Equal(t, noon.Add(4*time.Minute), s.decide().Deliveries[0].Deadline.UTC())
}

func TestWhoIsTold(t *testing.T) {
	tablet := phone()
	tablet.ID, tablet.LastSeenAt, tablet.TimeZone = id(61), noon, "Asia/Seoul"
	tablet.Address.Value = "t-2"
	old := phone()
	old.LastSeenAt = noon.Add(-time.Hour)
	for _, tc := range []struct {
		name    string
		change  func(*scene)
		device  uuid.UUID
		channel string
		why     string
	}{
		{"a place: the device that was there", func(*scene) {}, id(60), ChannelPush, ""},
		{"a place: no other", func(s *scene) { s.v.Devices[1].AddressState = "gone" }, id(60), "", "address_gone"},
		{"else: the one seen last", notice(Informational), id(61), ChannelPush, ""},
		{"else: the one seen last that can be reached", func(s *scene) { notice(Informational)(s); s.v.Devices[0].AddressState = "gone" }, id(60), ChannelPush, ""},
		{"else, in the app: there", func(s *scene) { notice(Informational)(s); s.m.Foreground = true }, id(60), ChannelInApp, ""},
		{"a server's, in front of nobody known", func(s *scene) { notice(Informational)(s); s.m.Foreground, s.m.DeviceID = true, uuid.Nil }, id(61), ChannelPush, ""},
		{"else: nobody can be reached", func(s *scene) {
			notice(Informational)(s)
			s.v.Devices[0].Address, s.v.Devices[1].AddressState = nil, "gone"
		}, uuid.Nil, "", "address_missing"},
		{"else: no device", func(s *scene) { notice(Informational)(s); s.v.Devices = nil }, uuid.Nil, "", "device_missing"},
		{"a flash near a device: there", func(s *scene) { s.c.Trigger.Kinds, s.m.Kind = []Kind{Flashed}, Flashed }, id(60), ChannelPush, ""},
		{"a flash: the one seen last", func(s *scene) { s.c.Trigger.Kinds, s.m.Kind, s.m.DeviceID = []Kind{Flashed}, Flashed, uuid.Nil }, id(61), ChannelPush, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := open()
			s.v.Devices = []audience.Device{tablet, old}
			tc.change(s)
			r := s.decide()
			d := r.Decisions[0]
			if tc.why != "" {
				require.Equal(t, Unreachable, d.Reason, "%v", d.Values)
				require.Equal(t, tc.why, d.Values["why"])
				return
			}
			require.Equal(t, Won, d.Reason, "%v", d.Values)
			require.Equal(t, tc.device, d.DeviceID)
			require.Equal(t, tc.channel, d.Channel)
			require.Equal(t, tc.device, r.Deliveries[0].DeviceID)
		})
	}
}
