package campaign

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/expression"
)

// Gate 9, in this order: the trigger's filter, the n-th visit, what somebody did (behaved), the segments left out, the
// segments asked for, the audience. An advertisement judges nobody by what they are like who has not agreed to it (audience.MarketingProfile);
// only an uploaded list of people to be left out is asked all the same: it can but spare them.

// What an answer that is not yes is made of.
const (
	whyFalse   = "false"
	whyMissing = "missing"
	whyUnclear = "unclear"
	whySegment = "segment_unknown"
)

// audienceGates are those of gate 9 that a campaign may do without, as most do.
var audienceGates = []gate{
	(*judged).filtered, (*judged).nth, (*judged).behaved, (*judged).spared, (*judged).chosen, (*judged).addressed,
}

// meant is gate 9.
func (j *judged) meant() (Reason, map[string]string) {
	c := j.campaign
	if c.Audience == "" && c.Trigger.Filter == "" && c.Trigger.Nth == nil && len(c.Segments)+len(c.Excluded) == 0 && !j.moment.Kind.ByEvent() {
		return "", nil
	}
	for _, g := range audienceGates {
		if reason, values := g(j); reason != "" {
			return reason, values
		}
	}
	return "", nil
}

// filtered is the trigger's filter.
func (j *judged) filtered() (Reason, map[string]string) {
	source := j.campaign.Trigger.Filter
	if source == "" {
		return "", nil
	}
	if yes, values := j.holds(j.expression(source, func(e *entry) compiled { return e.filter })); !yes {
		return MomentFiltered, values
	}
	return "", nil
}

// expression is the compiled form of what a campaign says; nil where the index has another one or none.
func (j *judged) expression(source string, of func(*entry) compiled) *expression.Program {
	if e := j.Campaigns.entry(j.campaign.ID); e != nil {
		if c := of(e); c.source == source {
			return c.program
		}
	}
	return nil
}

// holds asks an expression. What it could not tell is a no.
func (j *judged) holds(p *expression.Program) (yes bool, values map[string]string) {
	if p == nil {
		return false, because(whyUnclear)
	}
	yes, err := p.Holds(j.round.input(j.moment))
	missing := new(expression.Missing)
	switch {
	case errors.As(err, &missing):
		return false, map[string]string{"why": whyMissing, "field": missing.Field}
	case err != nil:
		return false, because(whyUnclear)
	case !yes:
		return false, because(whyFalse)
	}
	return true, nil
}

// nth is the visit of a certain number.
func (j *judged) nth() (Reason, map[string]string) {
	n := j.campaign.Trigger.Nth
	if n == nil {
		return "", nil
	}
	visits := j.moment.Visits
	if visits == nil || !visits.Consented || visits.Count == nil {
		return VisitHistoryNotConsented, map[string]string{"purpose": string(audience.LocRetain)}
	}
	at := uuid.Nil
	if s := j.moment.Store; s != nil && !n.AnyStore {
		at = s.ID
	}
	var since time.Time
	if n.Within > 0 {
		since = j.moment.At.AddDate(0, 0, -n.Within)
	}
	count := visits.Count(at, since)
	if n.Visit > 0 && (count == n.Visit || n.Every && count > 0 && count%n.Visit == 0) {
		return "", nil
	}
	return NotNthVisit, map[string]string{"visit": strconv.Itoa(n.Visit), "count": strconv.Itoa(count)}
}

// spared are the segments that are left out. Who may be in one, for all that is known, is left out.
func (j *judged) spared() (Reason, map[string]string) {
	for _, id := range j.campaign.Excluded {
		values := map[string]string{"segment": id.String()}
		s := j.Campaigns.Segment(id)
		switch {
		case s == nil:
			values["why"] = whySegment
			return ExcludedSegment, values
		case s.IsList():
			if j.Profile == nil || s.Lists(j.Profile) {
				return ExcludedSegment, values
			}
			continue
		case !j.mayProfile(s.Program):
			return profileRefused()
		}
		yes, why := j.holds(s.Program)
		if !yes && why["why"] == whyFalse {
			continue
		}
		for k, v := range why {
			values[k] = v
		}
		return ExcludedSegment, values
	}
	return "", nil
}

// chosen are the segments that the campaign is for.
func (j *judged) chosen() (Reason, map[string]string) {
	if len(j.campaign.Segments) == 0 {
		return "", nil
	}
	if j.class == Ad && !j.granted(audience.MarketingProfile) {
		return profileRefused()
	}
	var values map[string]string
	for _, id := range j.campaign.Segments {
		s := j.Campaigns.Segment(id)
		switch {
		case s == nil:
			values = because(whySegment)
		case s.IsList():
			if j.Profile != nil && s.Lists(j.Profile) {
				return "", nil
			}
		default:
			yes, why := j.holds(s.Program)
			if yes {
				return "", nil
			}
			if why["why"] != whyFalse {
				values = why
			}
		}
	}
	return NotInSegment, values
}

// addressed is the audience. A prospect (a moment of no kind) is not asked what only a moment, or a store, could tell.
func (j *judged) addressed() (Reason, map[string]string) {
	source := j.campaign.Audience
	if source == "" {
		return "", nil
	}
	p := j.expression(source, func(e *entry) compiled { return e.audience })
	if !j.mayProfile(p) {
		return profileRefused()
	}
	if p != nil && j.moment.Kind == "" && (p.Moment || p.Visits || p.Store && j.moment.Store == nil) {
		return "", nil
	}
	yes, values := j.holds(p)
	if yes {
		return "", nil
	}
	if p != nil && p.Visits && values["field"] == expression.Visits {
		return VisitHistoryNotConsented, map[string]string{"purpose": string(audience.LocRetain)}
	}
	return NotInAudience, values
}

// mayProfile tells whether the person may be judged by what an expression reads.
func (j *judged) mayProfile(p *expression.Program) bool {
	return p == nil || !p.Profiles || j.class != Ad || j.granted(audience.MarketingProfile)
}

func profileRefused() (Reason, map[string]string) {
	return ProfileNotConsented, map[string]string{"purpose": string(audience.MarketingProfile)}
}

// input is what expressions know of the person and a moment.
func (r *round) input(m *Moment) *expression.Input {
	if r.known != nil && r.knownOf == m {
		return r.known
	}
	v := r.view
	in := &expression.Input{Person: v.Profile, Store: m.Store, Now: v.Now, Zone: zone(v.Brand.Settings.TimeZone)}
	if v.Profile != nil {
		if own := zone(v.Profile.TimeZone); own != nil {
			in.Zone = own
		}
		in.Lists = func() []string { return v.Campaigns.listsOf(v.Profile) }
	}
	if m.Kind != "" {
		in.Moment = m.known()
	}
	if m.Visits != nil && m.Visits.Count != nil {
		in.Visits = m.counted(v.Now)
	}
	r.known, r.knownOf = in, m
	return in
}

// counted counts visits for an expression.
func (m *Moment) counted(now time.Time) func(anywhere bool, days int) (int, bool) {
	return func(anywhere bool, days int) (int, bool) {
		at := uuid.Nil
		if !anywhere {
			if m.Store == nil {
				return 0, false
			}
			at = m.Store.ID
		}
		if !m.Visits.Consented {
			return 0, false
		}
		return m.Visits.Count(at, now.AddDate(0, 0, -days)), true
	}
}

// known is the moment as expressions see it.
func (m *Moment) known() *expression.Moment {
	k := &expression.Moment{
		Kind: string(m.Kind), Way: string(m.Kind.Way()), Stayed: m.Stayed, Distance: m.distance(), Foreground: m.Foreground, Item: m.Item,
	}
	if m.Fence != nil {
		k.Purpose, k.FenceTags = string(m.Fence.Purpose), m.Fence.Tags
	}
	if e := m.Event; e != nil {
		k.Type, k.Keyword, k.Lingered, k.Quantity = e.Type, e.Keyword, e.Lingered, e.Quantity
		k.Amount, k.Currency, k.Properties = e.Amount, e.Currency, e.Properties
	}
	return k
}

// listsOf are the brand's own ids of the segments whose lists a person is on.
func (x *Index) listsOf(p *audience.Profile) []string {
	names := make([]string, 0, len(p.Segments))
	if x == nil {
		return names
	}
	for _, list := range p.Segments {
		if name, ok := x.lists[list]; ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
