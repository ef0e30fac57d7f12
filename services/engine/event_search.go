package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/campaign"
)

const (
	// searchMoments is of how many of the stores found a search is a moment.
	searchMoments = 5
	// searchEvery is how often one person's searches are a moment at most: who types asks again with every letter. It is
	// this node's memory alone.
	searchEvery = time.Minute
)

// anyLive tells whether a live campaign asks for a kind.
func (t *brandTables) anyLive(kind campaign.Kind) bool {
	for _, c := range t.campaigns {
		if c.State == campaign.Live && c.Trigger.On(kind) {
			return true
		}
	}
	return false
}

// searchedStores makes a moment of a search that the gates let pass. What goes wrong with it costs the moment and not the
// search.
func (e *Engine) searchedStores(ctx context.Context, brandID, deviceID uuid.UUID, v *view, q *StoreQuery, found []FoundStore) {
	if !v.searches || q.After != nil || len(found) == 0 {
		return
	}
	o, err := e.seat(ctx, brandID, deviceID)
	if err == nil {
		found = slices.Clone(found[:min(len(found), searchMoments)])
		begun := false // at another try after a lost race it is still this search
		err = e.fold(ctx, o.person, func(t *turn) error {
			if !begun && !t.maySearch() {
				return nil
			}
			begun = true
			return t.searchedStores(deviceID, found)
		})
	}
	if err != nil && !errors.Is(err, ErrGone) && ctx.Err() == nil {
		e.log.Warn("a search was no moment", "brand", brandID, "error", err)
	}
}

// maySearch tells whether a search is a moment, and notes that one was.
func (t *turn) maySearch() bool {
	now := t.nowMillis()
	if now-t.p.searchedAt < searchEvery.Milliseconds() {
		return false
	}
	t.p.searchedAt = now
	return true
}

func (t *turn) searchedStores(deviceID uuid.UUID, found []FoundStore) error {
	if !t.e.owns(t.p, deviceID) {
		return nil
	}
	now := t.e.clock.Now()
	var candidates []campaign.Candidate
	for i := range found {
		m := &campaign.Moment{
			ID: newID(now), Kind: campaign.StoreSearched, Store: found[i].Store(), DeviceID: deviceID, At: now, Received: now,
			Distance: found[i].Distance, Visits: t.visitsKnown(now),
		}
		for _, c := range t.v.campaigns.Match(m, nil) {
			same := func(other campaign.Candidate) bool { return other.Campaign == c.Campaign }
			if !slices.ContainsFunc(candidates, same) { // it is about the nearest of its stores
				candidates = append(candidates, c)
			}
		}
	}
	_, err := t.decideAmong(candidates, now)
	return err
}
