package engine

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo/cell"
	"github.com/wantgo/wantgo/geo/index"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/campaign"
)

// What is looked at to tell which campaigns are near. A coarse cell says where somebody is within a few kilometres, so
// near is the cell and as much again round it.
const (
	maxNearFences = 200
	maxProspects  = 50
	maxTrials     = 1000
	// nearFor is for how long a person may still be near where they were last heard of.
	nearFor = 24 * time.Hour
)

var nearWithin = 2 * cell.Radius(cell.CoarseRes)

func lowerOf(u audience.Unreachable) string { return strings.ToLower(u.String()) }

// prospects asks the gates of every campaign with a place near the person, as of a moment of now that never was: a
// decision is a value, and this one is thrown away. Nothing is reserved or asked of a pool.
func (t *turn) prospects(now time.Time, wanted uuid.UUID, heard int64) []Prospect {
	ok, _ := audience.MayLocate(&t.p.profile, t.v.brand, now)
	s := &supposing{turn: t, now: now, view: t.viewOf(now), at: map[uuid.UUID]int{}}
	s.view.Stock = untouched{searchedRoom{t.e.stock}}
	if ok {
		for _, f := range t.near(now, heard) {
			s.come(f)
		}
	}
	if _, found := s.at[wanted]; !found && wanted != uuid.Nil {
		s.anywhere(wanted)
	}
	if i, found := s.at[wanted]; found { // first: it is what was asked for
		s.found[0], s.found[i] = s.found[i], s.found[0]
	}
	return s.found
}

// near are the fences that the person's phones are inside, then those near the coarse cell, the nearest to its middle first.
func (t *turn) near(now time.Time, heard int64) (fences []*index.Fence) {
	for _, d := range t.p.hot.devices {
		for i := range d.presence.Stays {
			if f := t.v.fence(d.presence.Stays[i].Fence); f != nil {
				fences = append(fences, f)
			}
		}
	}
	c := cell.Cell(t.p.hot.cell)
	if c == 0 || !c.Valid() || now.UnixMilli()-heard > nearFor.Milliseconds() {
		return fences
	}
	centre, err := c.Centre()
	if err != nil {
		return fences
	}
	for _, n := range t.v.fences.NearestWithin(centre, maxNearFences, nearWithin, nil, nil) {
		if !slices.Contains(fences, n.Fence) {
			fences = append(fences, n.Fence)
		}
	}
	return fences
}

// supposing tries campaigns on moments that never were.
type supposing struct {
	*turn
	now    time.Time
	view   *campaign.View
	found  []Prospect
	at     map[uuid.UUID]int // in found, by campaign
	trials int
	list   []campaign.Candidate
}

// come supposes that the person came to a fence, in each way in which one can.
func (s *supposing) come(f *index.Fence) {
	fv := f.Value.(*fenceView)
	for _, kind := range []campaign.Kind{campaign.Entered, campaign.Approached, campaign.Exited} {
		s.suppose(s.moment(kind, fv, 0))
	}
	for _, dwell := range fv.dwells {
		s.suppose(s.moment(campaign.Dwelled, fv, dwell))
	}
}

func (s *supposing) moment(kind campaign.Kind, fv *fenceView, dwell time.Duration) *campaign.Moment {
	m := &campaign.Moment{ID: uuid.Nil, Kind: kind, DeviceID: s.device(), At: s.now, Received: s.now}
	if fv != nil {
		m.Fence, m.Store, m.FenceDwell = fv.fence, fv.store, fv.ownDwell
	}
	m.Dwell, m.Stayed = dwell, dwell
	return m
}

// device is the phone that would be told.
func (s *supposing) device() uuid.UUID {
	if best := audience.MostRecent(s.p.devices); best != nil {
		return best.ID
	}
	if len(s.p.devices) > 0 {
		return s.p.devices[0].ID
	}
	return uuid.Nil
}

// suppose tries what a moment would start. Of one campaign the first answer stands, unless a later one lets it pass.
func (s *supposing) suppose(m *campaign.Moment) {
	s.list = s.v.campaigns.Match(m, s.list[:0])
	for i := range s.list {
		c := s.list[i].Campaign
		at, known := s.at[c.ID]
		if s.trials >= maxTrials || known && s.found[at].Reason == "" || !known && len(s.found) >= maxProspects {
			continue
		}
		s.trials++
		switch o := s.ask(s.list[i]); {
		case !known:
			s.at[c.ID] = len(s.found)
			s.found = append(s.found, Prospect{Campaign: c, Kind: m.Kind, Obstacle: o})
		case o.Reason == "":
			s.found[at].Kind, s.found[at].Obstacle = m.Kind, o
		}
	}
}

// ask is the first gate that refuses a candidate that stands alone; none: an empty reason.
func (s *supposing) ask(c campaign.Candidate) (o Obstacle) {
	result := campaign.Decide(s.view, []campaign.Candidate{c})
	if len(result.Decisions) > 0 && result.Decisions[0].Reason != campaign.Won {
		o.Reason, o.Values = result.Decisions[0].Reason, result.Decisions[0].Values
	}
	return o
}

// anywhere supposes a campaign that has no place near, at the first of its stores or at none.
func (s *supposing) anywhere(id uuid.UUID) {
	c, err := s.e.Campaign(s.p.key.BrandID, id)
	if err != nil || len(c.Trigger.Kinds) == 0 {
		return
	}
	m := s.moment(c.Trigger.Kinds[0], nil, c.Trigger.Dwell)
	if len(c.Trigger.Stores) > 0 {
		if at, err := s.e.Store(s.p.key.BrandID, c.Trigger.Stores[0]); err == nil {
			m.Store = at
		}
	}
	if len(s.found) >= maxProspects {
		s.found = s.found[:maxProspects-1]
	}
	s.at[id] = len(s.found)
	s.found = append(s.found, Prospect{Campaign: c, Kind: m.Kind, Obstacle: s.ask(campaign.Candidate{Campaign: c, Moment: m}), NotNear: m.Kind.ByFence()})
}

// untouched is a stock that is only looked at.
type untouched struct{ room searchedRoom }

// Peek takes what is not known for something left.
func (u untouched) Peek(offer uuid.UUID) (ok, known bool) {
	ok, known = u.room.Peek(offer)
	return ok || !known, true
}

// Take takes nothing: whoever asks is thrown away.
func (u untouched) Take(uuid.UUID) (block uuid.UUID, ok, known bool) { return uuid.Nil, true, true }
