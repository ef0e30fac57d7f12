package audience_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
)

func toRecipient(name, purpose string, granted bool, second int64) audience.ConsentEvent {
	e := consentEvent(audience.LocThirdParty, granted, second)
	e.Recipient, e.RecipientPurpose = name, purpose
	return e
}

func TestRecipientOfASubmission(t *testing.T) {
	now := time.Unix(1000, 0)
	for name, c := range map[string]struct {
		event audience.ConsentEvent
		field string
	}{
		"named":             {toRecipient("Mall", "footfall", true, 999), ""},
		"nobody":            {toRecipient("", "footfall", true, 999), "recipient"},
		"for nothing":       {toRecipient("Mall", "", true, 999), "recipient_purpose"},
		"withdrawn":         {toRecipient("Mall", "", false, 999), ""},
		"withdrawn, nobody": {toRecipient("", "", false, 999), "recipient"},
		"a blank":           {toRecipient(" Mall", "footfall", true, 999), "recipient"},
		"two lines":         {toRecipient("Mall", "foot\nfall", true, 999), "recipient_purpose"},
		"long":              {toRecipient(strings.Repeat("m", 201), "footfall", true, 999), "recipient"},
		"another's": {func() (e audience.ConsentEvent) {
			e = consentEvent(audience.LocUse, true, 999)
			e.Recipient = "Mall"
			return e
		}(), "recipient"},
		"another's, what for?": {func() (e audience.ConsentEvent) {
			e = consentEvent(audience.LocUse, true, 999)
			e.RecipientPurpose = "x"
			return e
		}(), "recipient_purpose"},
	} {
		c.event.NoticeVersion = "1"
		err := (&audience.Submission{ConsentEvent: c.event}).Validate(now)
		if c.field == "" {
			require.NoError(t, err, name)
			continue
		}
		var vs audience.Violations
		require.ErrorAs(t, err, &vs, name)
		require.Equal(t, c.field, vs[0].Field, name)
	}
}

// Of each recipient the latest act counts, whatever was said of the others and in whatever order it arrived.
func TestRecipientsAreIndependent(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 4))
	var p audience.Profile
	want := map[string]audience.ConsentEvent{}
	for range 500 {
		name := fmt.Sprintf("r%d", random.IntN(6))
		e := toRecipient(name, fmt.Sprintf("p%d", random.IntN(3)), random.IntN(2) == 0, random.Int64N(1_000_000)+1)
		if have, ok := want[name]; !ok || e.OccurredAt.After(have.OccurredAt) || e.OccurredAt.Equal(have.OccurredAt) && have.Granted && !e.Granted {
			want[name] = e
		}
		before := p.ThirdParties
		copied := len(before)
		require.NoError(t, p.Apply(e))
		require.Len(t, before, copied, "the old map is not touched")
	}
	require.Len(t, p.ThirdParties, len(want))
	for name, e := range want {
		stands := p.ThirdParties[name]
		require.Equal(t, []any{e.Granted, e.ID}, []any{stands.Granted, stands.EventID}, name)
		if e.Granted {
			require.Equal(t, e.RecipientPurpose, stands.For)
		}
	}
	require.False(t, p.Consented(audience.LocThirdParty), "nobody agrees to everybody")
	require.Error(t, p.Apply(toRecipient("", "", false, 1)))
	for i := range audience.MostRecipients - len(want) {
		require.NoError(t, p.Apply(toRecipient(fmt.Sprintf("more %d", i), "p", true, 5)))
	}
	require.Error(t, p.Apply(toRecipient("one too many", "p", true, 5)))
	require.NoError(t, p.Apply(toRecipient("more 0", "", false, 6)), "who is known can always be withdrawn from")
}

func TestMayProvide(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	b := &brand.Brand{Settings: brand.Default(brand.KR)}
	b.Settings.Filing = brand.Filing{Mode: brand.FilingRegistered, Number: "1", Date: now.AddDate(-1, 0, 0)}
	agreed := audience.Profile{OfAge: true}
	require.NoError(t, agreed.Apply(consentEvent(audience.LocUse, true, 1)))
	given := toRecipient("Mall", "footfall", true, 2)
	require.NoError(t, agreed.Apply(given))
	stands, ok := audience.MayProvide(&agreed, b, "Mall", "footfall", now)
	require.True(t, ok)
	require.Equal(t, given.ID, stands.EventID)
	for name, c := range map[string]struct {
		recipient, purpose string
		change             func(*audience.Profile)
	}{
		"another recipient": {"mall", "footfall", nil},
		"another purpose":   {"Mall", "credit rating", nil},
		"no recipient":      {"", "footfall", nil},
		"no purpose":        {"Mall", "", nil},
		"withdrawn":         {"Mall", "footfall", func(p *audience.Profile) { _ = p.Apply(toRecipient("Mall", "", false, 3)) }},
		"no location":       {"Mall", "footfall", func(p *audience.Profile) { p.Consents = nil }},
		"paused":            {"Mall", "footfall", func(p *audience.Profile) { p.PausedUntil = now.Add(time.Hour) }},
		"never asked":       {"Mall", "footfall", func(p *audience.Profile) { p.ThirdParties = nil }},
		"for nothing": {"Mall", "", func(p *audience.Profile) {
			p.ThirdParties = map[string]audience.Standing{"Mall": {Granted: true, EventID: uuid.New()}}
		}},
	} {
		p := agreed
		if c.change != nil {
			c.change(&p)
		}
		_, ok := audience.MayProvide(&p, b, c.recipient, c.purpose, now)
		require.False(t, ok, name)
	}
}
