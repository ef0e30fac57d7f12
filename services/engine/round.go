package engine

import (
	"encoding/binary"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/campaign"
)

// The decisions about one moment that were made together have ids that differ in their last two bytes only: so a store
// can keep them in one row, and find the row by the id of any.

// mostOfARound is how many ids the last two bytes tell apart.
const mostOfARound = 1 << 16

// RoundID is the id n places after the first decision of a round; n is taken modulo 65,536.
func RoundID(first uuid.UUID, n int) uuid.UUID {
	binary.BigEndian.PutUint16(first[14:], binary.BigEndian.Uint16(first[14:])+uint16(n))
	return first
}

// RoundOf are the least and the greatest id that decisions made together with id may have.
func RoundOf(id uuid.UUID) (least, greatest uuid.UUID) {
	least, greatest = id, id
	least[14], least[15], greatest[14], greatest[15] = 0, 0, 0xff, 0xff
	return least, greatest
}

// RoundOffset is how many places after the first of a round an id stands; ok=false: it is of another round.
func RoundOffset(first, id uuid.UUID) (n int, ok bool) {
	if [14]byte(first[:14]) != [14]byte(id[:14]) {
		return 0, false
	}
	return int(binary.BigEndian.Uint16(id[14:]) - binary.BigEndian.Uint16(first[14:])), true
}

// rounds gives the decisions about one moment ids of one round and lists all of them moment by moment, one that won
// first. The ids of those that won stay: deliveries name them.
func rounds(decisions []campaign.Decision) []*campaign.Decision {
	ordered := make([]*campaign.Decision, 0, len(decisions))
	for i := range decisions {
		if !firstOfMoment(decisions, i) {
			continue
		}
		first := leads(decisions, i)
		ordered = append(ordered, first)
		n := 0
		for j := i; j < len(decisions); j++ {
			d := &decisions[j]
			if d == first || d.MomentID != first.MomentID {
				continue
			}
			if n++; n < mostOfARound && d.Reason != campaign.Won {
				d.ID = RoundID(first.ID, n)
			}
			ordered = append(ordered, d)
		}
	}
	return ordered
}

func firstOfMoment(decisions []campaign.Decision, i int) bool {
	for j := range i {
		if decisions[j].MomentID == decisions[i].MomentID {
			return false
		}
	}
	return true
}

// leads is the decision that stands for all about the moment of the i-th: one that won, else that one.
func leads(decisions []campaign.Decision, i int) *campaign.Decision {
	for j := i; j < len(decisions); j++ {
		if decisions[j].MomentID == decisions[i].MomentID && decisions[j].Reason == campaign.Won {
			return &decisions[j]
		}
	}
	return &decisions[i]
}
