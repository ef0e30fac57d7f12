package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/store"
)

const (
	// searchedFresh is how old a copy may be that a search reads. A decision finds out that another node knows more when
	// it writes; a search mostly writes nothing.
	searchedFresh = time.Minute
	// searchedStock is for how long a search believes a pool that it is empty: that long at least the block of a node that
	// died is on its way back.
	searchedStock = stockLease + stockGrace
	// searchTries are one for a person that the device no longer has, one for a copy that is too old, and one for a race.
	searchTries = 3
)

// SearchStoresFor is SearchStores for the person of a device: offers are then those that the person could still win.
// Gates 1 to 4 are asked, a location-use record covers the search before its place is looked at, and then gate 6. Where
// one of them refuses, the answer is that of SearchStores, which is about nobody, and refused says why. ErrNotFound, or
// ErrGone: there is no such device or brand, or the person is no more.
//
// The place is not kept. What is found changes nothing: whoever comes is decided on by then. Only where a live campaign
// asks for searches is one a moment, which may bring about a notification; the answer is the same.
func (e *Engine) SearchStoresFor(ctx context.Context, brandID, deviceID uuid.UUID, q *StoreQuery, dst []FoundStore) (found []FoundStore, more bool, refused campaign.Reason, err error) {
	who, refused, err := e.seek(ctx, brandID, deviceID, q.From)
	if err != nil {
		return nil, false, "", err
	}
	if refused != "" {
		found, more, err = e.SearchStores(brandID, q, dst)
		return found, more, refused, err
	}
	own := *q
	own.who = who
	found, more = who.view.search.find(&own, who.view.brand.Stopped, dst)
	e.searchedStores(ctx, brandID, deviceID, who.view, q, found)
	return found, more, "", nil
}

// seek reads the person of a device for a search around a place.
func (e *Engine) seek(ctx context.Context, brandID, deviceID uuid.UUID, from geo.Point) (who *seeker, refused campaign.Reason, err error) {
	if e.catalogue.view(brandID) == nil {
		return nil, "", notFound("brand")
	}
	for range searchTries {
		var o *seat
		if o, err = e.seat(ctx, brandID, deviceID); err != nil {
			return nil, "", err
		}
		err = e.fold(ctx, o.person, func(t *turn) (err error) {
			who, refused, err = t.seek(deviceID, from)
			return err
		})
		if !errors.Is(err, ErrGone) {
			break
		}
		e.seats.remove(deviceKey{brandID, deviceID})
	}
	if err != nil {
		return nil, "", fmt.Errorf("search: %w", err)
	}
	return who, refused, nil
}

// seek asks the gates and takes what a search needs of the person; the record is committed before any of it is used.
func (t *turn) seek(deviceID uuid.UUID, from geo.Point) (*seeker, campaign.Reason, error) {
	now := t.e.clock.Now()
	if !t.e.owns(t.p, deviceID) {
		return nil, "", ErrGone
	}
	if now.Sub(t.p.loadedAt) >= searchedFresh {
		t.p.loaded = false
		return nil, "", ErrGone // what this node took for the person may be another one by now
	}
	if ok, why := audience.MayLocate(&t.p.profile, t.v.brand, now); !ok {
		return nil, campaign.Reason(why.String()), nil
	}
	t.recordUse(now.UnixMilli(), "search", "app")
	if t.v.isSensitive(from, 0) {
		return nil, campaign.SensitivePlace, nil
	}
	profile := t.p.profile
	return &seeker{
		view: t.v, full: t.p.hot.ledgerFull(), at: map[time.Time]*campaign.Prospects{},
		of: campaign.View{
			Brand: t.v.brand, Campaigns: t.v.campaigns, PersonID: t.p.key.PersonID, Profile: &profile, Issued: t.p.hot.issued, Stock: searchedRoom{t.e.stock},
			History: cap.History{Location: t.p.zone(t.v.brand.Settings.TimeZone), Entries: t.p.hot.entries, Folds: t.p.hot.folds},
		},
	}, "", nil
}

// seeker is a person who searches, as known when the search began. nil is nobody.
type seeker struct {
	view *view
	of   campaign.View // but for its time
	full bool          // the ledger has no room, so nothing can be won
	at   map[time.Time]*campaign.Prospects
}

// mayWin tells whether a campaign's offer could still be won at a time, at a store; nil: at any. Nobody may win whatever
// there is.
func (s *seeker) mayWin(c *campaign.Campaign, at time.Time, where *store.Store) bool {
	if s == nil {
		return true
	}
	if s.full {
		return false
	}
	at = at.Round(0).UTC()
	p := s.at[at]
	if p == nil {
		v := s.of
		v.Now = at
		p = campaign.NewProspects(&v)
		s.at[at] = p
	}
	return p.Refusal(c, nil) == "" && (where == nil || p.Refusal(c, where) == "")
}

// searchedRoom is the stockroom as a search sees it: it asks no pool, and so believes one for longer than a decision.
type searchedRoom struct{ room *stockroom }

// Peek answers from what this node knows.
func (s searchedRoom) Peek(offer uuid.UUID) (ok, known bool) {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	if b, _ := s.room.look(offer); b != nil {
		return true, true
	}
	said, empty := s.room.empty[offer]
	return false, empty && s.room.now().Sub(said) < searchedStock
}

// Take takes nothing.
func (s searchedRoom) Take(offer uuid.UUID) (block uuid.UUID, ok, known bool) {
	ok, known = s.Peek(offer)
	return uuid.Nil, ok, known
}
