package audience_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
)

func at(t testing.TB, text string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return v
}

func consentEvent(p audience.Purpose, granted bool, second int64) audience.ConsentEvent {
	return audience.ConsentEvent{ID: uuid.New(), Purpose: p, Granted: granted, OccurredAt: time.Unix(second, 0), Actor: audience.ActorSelf}
}

// Nine ways from (day, night) to another: every event on every state that can be.
func TestNightDependsOnDay(t *testing.T) {
	const (
		no  = false
		yes = true
	)
	for _, c := range []struct {
		day, night         bool
		purpose            audience.Purpose
		grant              bool
		wantDay, wantNight bool
		refused            bool
	}{
		{no, no, audience.AdPush, yes, yes, no, false},
		{no, no, audience.AdPush, no, no, no, false},
		{no, no, audience.AdPushNight, yes, no, no, true},
		{no, no, audience.AdPushNight, no, no, no, false},
		{yes, no, audience.AdPush, no, no, no, false},
		{yes, no, audience.AdPushNight, yes, yes, yes, false},
		{yes, yes, audience.AdPush, no, no, no, false},
		{yes, yes, audience.AdPush, yes, yes, yes, false},
		{yes, yes, audience.AdPushNight, no, yes, no, false},
	} {
		var p audience.Profile
		if c.day {
			require.NoError(t, p.Apply(consentEvent(audience.AdPush, true, 1)))
		}
		if c.night {
			require.NoError(t, p.Apply(consentEvent(audience.AdPushNight, true, 2)))
		}
		e := consentEvent(c.purpose, c.grant, 3)
		err := audience.Apply(&p, e)
		if c.refused {
			var vs audience.Violations
			require.ErrorAs(t, err, &vs)
			require.Equal(t, "purpose", vs[0].Field)
		} else {
			require.NoError(t, err)
			require.Equal(t, e.ID, p.Consents[c.purpose].EventID)
		}
		require.Equal(t, []bool{c.wantDay, c.wantNight}, []bool{p.Consented(audience.AdPush), p.Consented(audience.AdPushNight)}, "%+v", c)
		if c.day && c.purpose == audience.AdPush && !c.grant {
			require.Equal(t, e.ID, p.Consents[audience.AdPushNight].EventID, "withdrawn by the same event")
		}
	}
}

func TestLatestActCounts(t *testing.T) {
	var p audience.Profile
	require.NoError(t, p.Apply(consentEvent(audience.LocUse, false, 20)))
	require.NoError(t, p.Apply(consentEvent(audience.LocUse, true, 10)), "an older event is no error")
	require.False(t, p.Consented(audience.LocUse))
	require.NoError(t, p.Apply(consentEvent(audience.LocUse, true, 20)))
	require.False(t, p.Consented(audience.LocUse), "of two at one instant the denial")
	require.NoError(t, p.Apply(consentEvent(audience.LocUse, true, 21)))
	require.NoError(t, p.Apply(consentEvent(audience.LocUse, false, 21)))
	require.False(t, p.Consented(audience.LocUse))

	require.NoError(t, p.Apply(consentEvent(audience.AdPush, true, 1)))
	require.NoError(t, p.Apply(consentEvent(audience.AdPush, false, 5)))
	require.NoError(t, p.Apply(consentEvent(audience.AdPush, true, 9)))
	require.NoError(t, p.Apply(consentEvent(audience.AdPushNight, true, 3)), "withdrawn since: old, not refused")
	require.False(t, p.Consented(audience.AdPushNight))
	require.Error(t, p.Apply(consentEvent(audience.AdPushNight, true, 7)), "at 7 there was no day consent")
	require.NoError(t, p.Apply(consentEvent(audience.AdPushNight, true, 9)))
	require.True(t, p.Consented(audience.AdPushNight))
	require.Error(t, p.Apply(audience.ConsentEvent{Purpose: "spam", OccurredAt: time.Unix(1, 0)}))
	require.Error(t, p.Apply(audience.ConsentEvent{Purpose: audience.AdPush}))
}

// Whatever the order of arrival, night is never granted without day, no purpose stands on an older event than it could,
// and in order of time the result is that of a plain replay.
func TestConsentsAgainstReplay(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 4))
	for range 2000 {
		events := make([]audience.ConsentEvent, rng.IntN(12))
		for i, at := range rng.Perm(len(events)) {
			p := []audience.Purpose{audience.AdPush, audience.AdPushNight, audience.LocUse}[rng.IntN(3)]
			events[i] = consentEvent(p, rng.IntN(2) == 0, int64(at+1))
		}
		byTime := make([]audience.ConsentEvent, len(events)+1)
		for _, e := range events {
			byTime[e.OccurredAt.Unix()] = e
		}
		want := map[audience.Purpose]bool{}
		for _, e := range byTime[1:] {
			if e.Purpose != audience.AdPushNight || !e.Granted || want[audience.AdPush] {
				want[e.Purpose] = e.Granted
			}
			want[audience.AdPushNight] = want[audience.AdPushNight] && want[audience.AdPush]
		}
		var together audience.Profile
		together.ApplyAll(events)
		for _, p := range audience.Purposes {
			require.Equal(t, want[p], together.Consented(p), "%s", p)
		}
		var oneByOne audience.Profile
		for _, e := range events {
			_ = oneByOne.Apply(e)
			require.False(t, oneByOne.Consented(audience.AdPushNight) && !oneByOne.Consented(audience.AdPush))
		}
		for _, p := range []audience.Purpose{audience.AdPush, audience.LocUse} {
			require.Equal(t, want[p], oneByOne.Consented(p), "%s", p)
		}
		if oneByOne.Consented(audience.AdPushNight) {
			require.True(t, want[audience.AdPushNight], "arriving out of order never grants more")
		}
	}
}

func TestApplyAllTellsWhichWereRefused(t *testing.T) {
	var p audience.Profile
	errs := p.ApplyAll([]audience.ConsentEvent{
		consentEvent(audience.AdPushNight, true, 5), consentEvent(audience.AdPush, true, 5), {Purpose: "x"}, consentEvent(audience.LocUse, true, 1),
	})
	require.Equal(t, []bool{false, false, true, false}, []bool{errs[0] != nil, errs[1] != nil, errs[2] != nil, errs[3] != nil})
	require.True(t, p.Consented(audience.AdPushNight), "one screen, one instant, any order")
}

func TestValidateSubmission(t *testing.T) {
	now := time.Unix(1000, 0)
	good := audience.Submission{ConsentEvent: consentEvent(audience.AdPush, true, 999)}
	good.NoticeVersion = "v1"
	require.NoError(t, good.Validate(now))
	for field, change := range map[string]func(*audience.Submission){
		"pre_ticked":     func(s *audience.Submission) { s.PreTicked = true },
		"bundled":        func(s *audience.Submission) { s.Bundled = true },
		"notice_version": func(s *audience.Submission) { s.NoticeVersion = " " },
		"id":             func(s *audience.Submission) { s.ID = uuid.Nil },
		"purpose":        func(s *audience.Submission) { s.Purpose = "all" },
		"actor":          func(s *audience.Submission) { s.Actor = "staff" },
		"occurred_at":    func(s *audience.Submission) { s.OccurredAt = now.Add(audience.MaxSkew + 1) },
		"time_zone":      func(s *audience.Submission) { s.TimeZone = "Local" },
		"locale":         func(s *audience.Submission) { s.Locale = "?" },
		"screen":         func(s *audience.Submission) { s.Screen = strings.Repeat("x", 201) },
	} {
		s := good
		change(&s)
		var vs audience.Violations
		require.ErrorAs(t, s.Validate(now), &vs, field)
		require.Len(t, vs, 1, "%v", vs)
		require.Equal(t, field, vs[0].Field)
	}
	withdrawal := good
	withdrawal.Granted, withdrawal.PreTicked, withdrawal.Bundled, withdrawal.NoticeVersion = false, true, true, ""
	require.NoError(t, withdrawal.Validate(now), "a withdrawal is taken however it comes")
	mirror := audience.Submission{ConsentEvent: consentEvent(audience.OSPush, true, 1)}
	require.NoError(t, mirror.Validate(now))
}

func korea(mode brand.FilingMode) *brand.Brand {
	b := &brand.Brand{Settings: brand.Default(brand.KR)}
	b.Settings.Filing = brand.Filing{Mode: mode, Number: "1", Date: time.Date(2026, 1, 1, 0, 0, 0, 0, brand.Seoul)}
	return b
}

func TestMayLocate(t *testing.T) {
	now := at(t, "2026-11-22T12:00:00+09:00")
	ok := func() *audience.Profile {
		return &audience.Profile{BirthDate: "1990-01-01", Consents: map[audience.Purpose]audience.Standing{audience.LocUse: {Granted: true}}}
	}
	for name, c := range map[string]struct {
		b      *brand.Brand
		change func(*audience.Profile)
		want   string
	}{
		"all well":           {korea(brand.FilingRegistered), func(*audience.Profile) {}, ""},
		"confirmed of age":   {korea(brand.FilingRegistered), func(p *audience.Profile) { p.BirthDate, p.OfAge = "", true }, ""},
		"no filing":          {korea(""), func(*audience.Profile) {}, "FILING_MISSING"},
		"on the device only": {korea(brand.FilingOnDeviceOnly), func(*audience.Profile) {}, "FILING_MISSING"},
		"month is over":      {korea(brand.FilingSmallBusiness), func(*audience.Profile) {}, "FILING_MISSING"},
		"age unknown":        {korea(brand.FilingRegistered), func(p *audience.Profile) { p.BirthDate = "" }, "AGE_UNKNOWN"},
		"no birth date":      {korea(brand.FilingRegistered), func(p *audience.Profile) { p.BirthDate, p.OfAge = "1990-13-01", true }, "AGE_UNKNOWN"},
		"too young":          {korea(brand.FilingRegistered), func(p *audience.Profile) { p.BirthDate = "2012-11-23" }, "GUARDIAN_MISSING"},
		"young, confirmed":   {korea(brand.FilingRegistered), func(p *audience.Profile) { p.BirthDate, p.OfAge = "2020-01-01", true }, "GUARDIAN_MISSING"},
		"14 today":           {korea(brand.FilingRegistered), func(p *audience.Profile) { p.BirthDate = "2012-11-22" }, ""},
		"paused":             {korea(brand.FilingRegistered), func(p *audience.Profile) { p.PausedUntil = now.Add(1) }, "LOCATION_PAUSED"},
		"pause is over":      {korea(brand.FilingRegistered), func(p *audience.Profile) { p.PausedUntil = now }, ""},
		"no consent":         {korea(brand.FilingRegistered), func(p *audience.Profile) { p.Consents = nil }, "LOCATION_NOT_CONSENTED"},
		"withdrawn":          {korea(brand.FilingRegistered), func(p *audience.Profile) { p.Consents[audience.LocUse] = audience.Standing{} }, "LOCATION_NOT_CONSENTED"},
		"first reason first": {korea(""), func(p *audience.Profile) { *p = audience.Profile{} }, "FILING_MISSING"},
		"age before pause":   {korea(brand.FilingRegistered), func(p *audience.Profile) { *p = audience.Profile{PausedUntil: audience.Forever} }, "AGE_UNKNOWN"},
		"pause before consent": {korea(brand.FilingRegistered), func(p *audience.Profile) {
			*p = audience.Profile{OfAge: true, PausedUntil: audience.Forever}
		}, "LOCATION_PAUSED"},
	} {
		p := ok()
		c.change(p)
		allowed, why := audience.MayLocate(p, c.b, now)
		require.Equal(t, c.want, why.String(), name)
		require.Equal(t, c.want == "", allowed, name)
	}
	eu := korea("")
	eu.Settings.Jurisdiction = brand.EU
	p := ok()
	p.BirthDate = "2011-01-01"
	_, why := audience.MayLocate(p, eu, now)
	require.Equal(t, audience.GuardianMissing, why, "15 in the EU; no filing asked for")
}

func TestAgeAt(t *testing.T) {
	for _, c := range []struct {
		born, at string
		years    int
		ok       bool
	}{
		{"2012-11-22", "2026-11-21T23:59:59+09:00", 13, true},
		{"2012-11-22", "2026-11-21T15:00:00Z", 14, true}, // midnight in Seoul
		{"2012-02-29", "2026-02-28T23:59:59+09:00", 13, true},
		{"2012-02-29", "2026-03-01T00:00:00+09:00", 14, true},
		{"2012-02-29", "2028-02-29T00:00:00+09:00", 16, true},
		{"2027-01-01", "2026-01-01T00:00:00+09:00", -1, false},
		{"1850-01-01", "2026-01-01T00:00:00+09:00", 176, false},
		{"2012-2-9", "2026-01-01T00:00:00+09:00", 0, false},
		{"2013-02-29", "2026-01-01T00:00:00+09:00", 0, false},
	} {
		years, ok := audience.AgeAt(c.born, at(t, c.at), brand.Seoul)
		require.Equal(t, []any{c.years, c.ok}, []any{years, ok}, "%+v", c)
	}
}

func TestPause(t *testing.T) {
	now := time.Unix(1000, 0)
	var p audience.Profile
	require.NoError(t, p.Pause(now.Add(time.Hour), now))
	require.True(t, p.Paused(now.Add(time.Hour-1)))
	require.False(t, p.Paused(now.Add(time.Hour)), "it ends by itself")
	require.NoError(t, p.Pause(time.Time{}, now))
	require.True(t, p.Paused(now.AddDate(500, 0, 0)))
	p.Resume(now)
	require.False(t, p.Paused(now))
	require.Error(t, p.Pause(now, now))
	require.NoError(t, p.Pause(now.AddDate(10000, 0, 0), now))
	require.Equal(t, audience.Forever, p.PausedUntil)
}

func TestReachable(t *testing.T) {
	address := &pusher.Address{Provider: pusher.FCM, Value: "t"}
	for _, c := range []struct {
		d    *audience.Device
		want string
	}{
		{&audience.Device{Address: address, AddressState: audience.AddressLive}, ""},
		{nil, "ADDRESS_MISSING"},
		{&audience.Device{AddressState: audience.AddressLive}, "ADDRESS_MISSING"},
		{&audience.Device{Address: address, AddressState: audience.AddressGone}, "ADDRESS_GONE"},
		{&audience.Device{Address: address}, "ADDRESS_GONE"},
		{&audience.Device{Address: address, AddressState: audience.AddressQuarantined}, "ADDRESS_QUARANTINED"},
		{&audience.Device{Address: address, AddressState: audience.AddressLive, OSPushRefused: true}, "OS_PUSH_REFUSED"},
	} {
		ok, why := audience.Reachable(c.d)
		require.Equal(t, []any{c.want == "", c.want}, []any{ok, why.String()})
	}
}

func TestMostRecent(t *testing.T) {
	address := &pusher.Address{Provider: pusher.FCM, Value: "t"}
	device := func(id byte, seen int64) audience.Device {
		return audience.Device{ID: uuid.UUID{id}, Address: address, AddressState: audience.AddressLive, LastSeenAt: time.Unix(seen, 0)}
	}
	latest := device(9, 100)
	latest.OSPushRefused = true
	require.Equal(t, uuid.UUID{2}, audience.MostRecent([]audience.Device{device(1, 5), device(3, 7), device(2, 7), latest}).ID)
	require.Nil(t, audience.MostRecent([]audience.Device{latest}))
	require.Nil(t, audience.MostRecent(nil))
}
