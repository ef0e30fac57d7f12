package engine

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/audience"
)

// retiredKept is how many replaced lists a segment remembers, so that they are taken out of the profiles that still have
// them when these are next put on a list.
const retiredKept = 100

// ListName names a list that an upload makes for a segment: the same upload gives the same name, so that it can be
// repeated and goes on where it was cut off.
func ListName(segmentID, upload uuid.UUID) uuid.UUID { return uuid.NewSHA1(segmentID, upload[:]) }

// PutOnList puts people, by own ids, on a list, or takes them off; nobody is made. The outcomes stand in the order of the
// ids. It is safe to repeat.
func (e *Engine) PutOnList(ctx context.Context, brandID, list uuid.UUID, externalIDs []string, on bool) ([]ProfileOutcome, error) {
	dead := map[uuid.UUID]bool{}
	e.read(brandID, func(t *brandTables) {
		for id := range t.retired {
			dead[id] = true
		}
	})
	counts := func(id uuid.UUID) bool { return !dead[id] }
	w := ProfileChanges{BrandID: brandID, Changes: make([]ProfileChange, len(externalIDs))}
	put := func(p *audience.Profile) error {
		p.PutOnList(list, on, counts)
		return nil
	}
	for i, id := range externalIDs {
		w.Changes[i] = ProfileChange{ExternalID: id, Apply: put}
	}
	return e.ChangeProfiles(ctx, w)
}

// UseList makes a list that was uploaded the segment's, for everybody at once. ErrNotFound: the segment is gone.
func (e *Engine) UseList(ctx context.Context, brandID, segmentID, list uuid.UUID, actor string) (*audience.Segment, error) {
	for range maxSwitches {
		now, err := e.SegmentByID(brandID, segmentID)
		if err != nil || now.List == list {
			return now, err
		}
		next := *now
		next.Retired = append([]uuid.UUID{now.List}, now.Retired...)
		next.Retired = next.Retired[:min(len(next.Retired), retiredKept)]
		next.List, next.UpdatedAt = list, e.clock.Now()
		_, err = e.Write(ctx, CatalogueWrite{BrandID: brandID, Actor: actor, Segments: []audience.Segment{next}, Expect: map[uuid.UUID]int64{segmentID: now.Version}})
		if !errors.Is(err, ErrStale) {
			return &next, err
		}
		if err := e.followCatalogue(ctx); err != nil {
			return nil, err
		}
	}
	return nil, ErrBusy
}

// maxSwitches is how often a segment that others change at the same moment is tried again.
const maxSwitches = 5

// retire notes the lists of a segment that nobody asks for any more.
func (t *brandTables) retire(s *audience.Segment) {
	for _, list := range s.Retired {
		t.retired[list] = true
	}
	if !s.DeletedAt.IsZero() && s.List != uuid.Nil {
		t.retired[s.List] = true
	}
}
