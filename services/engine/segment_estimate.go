package engine

import (
	"context"
	"encoding/binary"
	"math"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/expression"
)

const (
	// countedPeople is how many people an estimate looks at. Ids of people are random, so those with the smallest ids are a
	// fair sample: the error of a projection is about 1 in the square root of those that matched.
	countedPeople = 100_000
	countedAtOnce = 500
	countKept     = time.Minute
	countsKept    = 1000 // estimates of a node
)

// Estimate is how many people something holds for.
type Estimate struct {
	People     int64 // active people of the brand
	Matching   int64
	Consenting int64 // of those matching, who also agreed to be judged for advertising
	Exact      bool  // else all three are projected
	At         time.Time
}

// counted are estimates that are still young enough to be told again.
type counted struct {
	mu  sync.Mutex
	all map[countKey]Estimate
}

type countKey struct {
	brand uuid.UUID
	what  string
}

func (c *counted) get(k countKey, now time.Time) (Estimate, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.all[k]
	return found, ok && now.Sub(found.At) < countKept
}

func (c *counted) put(k countKey, e Estimate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil || len(c.all) >= countsKept {
		c.all = map[countKey]Estimate{}
	}
	c.all[k] = e
}

// EstimateSegment counts the people in a segment of the brand.
func (e *Engine) EstimateSegment(ctx context.Context, brandID, segmentID uuid.UUID) (Estimate, error) {
	v := e.catalogue.view(brandID)
	if v == nil {
		return Estimate{}, notFound("brand")
	}
	s := v.campaigns.Segment(segmentID)
	if s == nil {
		return Estimate{}, notFound("segment")
	}
	if s.IsList() {
		return e.count(ctx, v, "list "+s.List.String(), s.Lists)
	}
	if s.Program == nil {
		return e.EstimateRule(ctx, brandID, s.Rule) // says why it cannot be compiled
	}
	return e.count(ctx, v, "rule "+s.Rule, e.ruleHolds(v, s.Program))
}

// RuleFaults names what is wrong with a segment's rule; none: it can be asked.
func (e *Engine) RuleFaults(brandID uuid.UUID, rule string) ([]expression.Fault, error) {
	v := e.catalogue.view(brandID)
	if v == nil {
		return nil, notFound("brand")
	}
	return v.schema.Check(expression.Segment, rule), nil
}

// EstimateRule counts the people for whom a rule that is not saved holds.
func (e *Engine) EstimateRule(ctx context.Context, brandID uuid.UUID, rule string) (Estimate, error) {
	v := e.catalogue.view(brandID)
	if v == nil {
		return Estimate{}, notFound("brand")
	}
	p, err := v.schema.Compile(expression.Segment, rule)
	if err != nil {
		return Estimate{}, err
	}
	return e.count(ctx, v, "rule "+rule, e.ruleHolds(v, p))
}

// ruleHolds asks a rule about people. What cannot be told of somebody is a no.
func (e *Engine) ruleHolds(v *view, p *expression.Program) func(*audience.Profile) bool {
	now, names := e.clock.Now(), e.listNames(v.brand.ID)
	return func(of *audience.Profile) bool {
		in := &expression.Input{Person: of, Now: now, Zone: v.brand.Settings.Zone(), Lists: func() []string { return namesOf(of, names) }}
		if own := location(of.TimeZone); own != nil && of.TimeZone != "" {
			in.Zone = own
		}
		yes, err := p.Holds(in)
		return err == nil && yes
	}
}

// listNames are the brand's own ids of segments by their lists.
func (e *Engine) listNames(brandID uuid.UUID) map[uuid.UUID]string {
	names := map[uuid.UUID]string{}
	for _, s := range e.Segments(brandID) {
		if names[s.List] = s.ExternalID; s.ExternalID == "" {
			names[s.List] = s.ID.String()
		}
	}
	return names
}

func namesOf(p *audience.Profile, names map[uuid.UUID]string) []string {
	list := make([]string, 0, len(p.Segments))
	for _, id := range p.Segments {
		if name, ok := names[id]; ok {
			list = append(list, name)
		}
	}
	return list
}

// count looks at the brand's people in pages, up to a bound.
func (e *Engine) count(ctx context.Context, v *view, what string, holds func(*audience.Profile) bool) (Estimate, error) {
	key := countKey{v.brand.ID, what}
	if known, ok := e.counted.get(key, e.clock.Now()); ok {
		return known, nil
	}
	out := Estimate{Exact: true, At: e.clock.Now()}
	for after := uuid.Nil; ; {
		rows, next, err := e.Profiles(ctx, v.brand.ID, after, countedAtOnce)
		if err != nil {
			return out, err
		}
		for i := range rows {
			out.take(&rows[i].Profile, holds)
		}
		if next == uuid.Nil {
			break
		}
		if after = next; out.People >= countedPeople {
			out.project(next)
			break
		}
	}
	e.counted.put(key, out)
	return out, nil
}

func (s *Estimate) take(p *audience.Profile, holds func(*audience.Profile) bool) {
	s.People++
	if !holds(p) {
		return
	}
	s.Matching++
	if p.Consented(audience.MarketingProfile) {
		s.Consenting++
	}
}

// project takes those up to an id as a sample of all: ids are random, and what is below one is its share of them.
func (s *Estimate) project(last uuid.UUID) {
	share := (float64(binary.BigEndian.Uint64(last[:8])) + 1) / math.Exp2(64)
	for _, n := range []*int64{&s.People, &s.Matching, &s.Consenting} {
		*n = int64(math.Round(float64(*n) / share))
	}
	s.Exact = false
}

// SegmentUser is a campaign that still needs a segment: one that is not a draft, and not over. nil: none does.
func (e *Engine) SegmentUser(brandID, segmentID uuid.UUID) *campaign.Campaign {
	for _, c := range e.Campaigns(brandID) {
		switch c.State {
		case campaign.Draft, campaign.Ended, campaign.Archived:
			continue
		}
		for _, id := range append(append([]uuid.UUID{}, c.Segments...), c.Excluded...) {
			if id == segmentID {
				return c
			}
		}
	}
	return nil
}
