package audience

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Segment is a saved choice of people: those a rule holds for at the moment of asking, or those an uploaded list names.
type Segment struct {
	ID          uuid.UUID `json:"id"`
	ExternalID  string    `json:"external_id,omitempty"` // the brand's own
	Name        string    `json:"name,omitempty"`
	Description string    `json:"description,omitempty"`
	// Rule is CEL over a person; empty: the segment is a list.
	Rule string `json:"rule,omitempty"`
	// List names the list that counts now. It stands in the profiles of its members. A list that is replaced gets another
	// name, so that the new one holds for everybody at once.
	List uuid.UUID `json:"list,omitzero"`
	// Retired are lists that this one replaced, the latest first.
	Retired   []uuid.UUID `json:"retired,omitempty"`
	CreatedAt time.Time   `json:"created_at,omitzero"`
	UpdatedAt time.Time   `json:"updated_at,omitzero"`
	Version   int64       `json:"-"` // catalogue version of the last change; its etag
	DeletedAt time.Time   `json:"-"`
}

// The limits of segments. Every list a person is on stands in the person's profile.
const (
	MostSegments = 1000 // of a brand
	MaxRule      = 4000 // bytes
)

// IsList tells an uploaded list from a rule.
func (s *Segment) IsList() bool { return s.Rule == "" }

// Lists tells whether a profile is on the segment's list; false for a rule.
func (s *Segment) Lists(p *Profile) bool {
	if s.List == uuid.Nil {
		return false
	}
	for _, list := range p.Segments {
		if list == s.List {
			return true
		}
	}
	return false
}

// Validate returns every fault but those of the rule's own language. nil: none.
func (s *Segment) Validate() error {
	var vs Violations
	vs.Check(len(s.ExternalID) <= MaxExternalID && plain(s.ExternalID), "external_id", "must be plain text of at most %d bytes", MaxExternalID)
	vs.Check(utf8.RuneCountInString(s.Name) <= 200 && plain(s.Name), "name", "must be plain text of at most 200 characters")
	vs.Check(utf8.RuneCountInString(s.Description) <= 1000 && utf8.ValidString(s.Description), "description", "must be text of at most 1000 characters")
	vs.Check(len(s.Rule) <= MaxRule && utf8.ValidString(s.Rule), "rule", "must be text of at most %d bytes", MaxRule)
	vs.Check(s.Rule == "" || strings.TrimSpace(s.Rule) != "", "rule", "is blank")
	vs.Check((s.Rule == "") != (s.List == uuid.Nil), "rule", "a segment has a rule or a list")
	return vs.Err()
}
