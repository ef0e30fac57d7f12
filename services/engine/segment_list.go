package engine

import (
	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/audience"
)

func segmentsTable(t *brandTables) map[uuid.UUID]*audience.Segment { return t.segments }

// Segments lists a brand's segments by id.
func (e *Engine) Segments(brandID uuid.UUID) []*audience.Segment {
	return lists(e, brandID, segmentsTable)
}

// SegmentByID finds a segment by id.
func (e *Engine) SegmentByID(brandID, id uuid.UUID) (*audience.Segment, error) {
	return find(e, brandID, id, "segment", segmentsTable)
}

// Segment finds a segment by the brand's own id.
func (e *Engine) Segment(brandID uuid.UUID, external string) (*audience.Segment, error) {
	return findExternal(e, brandID, external, "segment", func(t *brandTables) map[string]uuid.UUID { return t.segmentIDs }, segmentsTable)
}

func (t *brandTables) putSegment(s *audience.Segment) {
	if old := t.segments[s.ID]; old != nil {
		release(t.segmentIDs, old.ExternalID, s.ID)
	}
	if s.ExternalID != "" && s.DeletedAt.IsZero() {
		t.segmentIDs[s.ExternalID] = s.ID
	}
	t.retire(s)
	putOrDrop(t.segments, s.ID, s, !s.DeletedAt.IsZero())
}
