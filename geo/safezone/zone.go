package safezone

import (
	"math"
	"time"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/index"
	"github.com/wantgo/wantgo/geo/presence"
)

// Millis is a time in Unix milliseconds. 0 means none.
type Millis = presence.Millis

const (
	// Longest is how long a zone is valid at most.
	Longest = 6 * time.Hour
	// SlotsIOS and SlotsAndroid are how many fences the systems watch for one app.
	SlotsIOS, SlotsAndroid = 20, 100
	// unknownAccuracy, metres, stands in for none.
	unknownAccuracy = 25
	// Everywhere, metres: no two places are further apart.
	Everywhere = geo.EarthRadius * math.Pi
)

// Terms are what a caller knows of a fence.
type Terms struct {
	// Rules as presence gets them; nil: the defaults of Standard.
	Rules *presence.Rules
	// Revision changes when anything about the fence does that the phone has been told.
	Revision uint64
}

// Question is what a zone is made from.
type Question struct {
	Snapshot *index.Snapshot
	// State of the device after its last ping was applied.
	State *presence.State
	// Place and Accuracy, metres, of the last fix. Accuracy zero, negative or NaN: unknown.
	Place    geo.Point
	Accuracy float64
	Now      Millis
	// K is how many fences the phone can watch.
	K int
	// Terms of a fence; nil: those of Standard for all.
	Terms func(*index.Fence) Terms
	// NextEdge is when a fence next begins or ceases to matter by a schedule: opening hours, a campaign's start. 0: not
	// within Longest. It is asked of the fences within the knowledge radius. nil: there are no schedules.
	NextEdge func(*index.Fence) Millis
	// Reach, metres, is the largest Rules.ApproachLookout in the snapshot; 0: no fence asks for Approached.
	Reach float64
	// NextTimer is the caller's own next time to act for the device, beyond what its stays tell. 0: none.
	NextTimer Millis
}

// Near is one fence of a zone.
type Near struct {
	Fence *index.Fence
	// Gap, metres: from the centre to the nearest edge, negative inside.
	Gap float64
	// Room, metres: how far the device can move before anything can happen for this fence.
	Room float64
}

// Zone is the answer. Its zero value never holds.
type Zone struct {
	Center   geo.Point
	Accuracy float64
	// QuietRadius, metres: while the device is nearer to Center than this nothing can happen. 0: every fix counts.
	QuietRadius float64
	// KnowledgeRadius, metres: while fixes are nearer to Center than this, nothing happens but to Fences.
	KnowledgeRadius float64
	// Fences are the K with the least room, in that order, then by gap and id.
	Fences     []Near
	ValidUntil Millis
	// Version is a digest of everything the zone depends on: centre, fences, their terms and the state of each. A
	// change elsewhere leaves it as it was.
	Version uint64
}

// Holds says whether a phone that has the zone of that version is still where and when nothing can happen.
func (z *Zone) Holds(version uint64, place geo.Point, at Millis) bool {
	return z.valid(version, at) && geo.Distance(z.Center, place) < z.QuietRadius
}

// Knows says whether the fences of the zone of that version are still all that a phone needs.
func (z *Zone) Knows(version uint64, place geo.Point, at Millis) bool {
	return z.valid(version, at) && geo.Distance(z.Center, place) < z.KnowledgeRadius
}

func (z *Zone) valid(version uint64, at Millis) bool {
	return z.Version != 0 && z.Version == version && at < z.ValidUntil
}

// StillTrue says whether the snapshot and the state of q would make the same zone at z's own place: then z is as good
// as new until its ValidUntil, however many fences changed elsewhere. Place and Accuracy of q do not count.
func (z *Zone) StillTrue(q *Question) bool {
	again := *q
	again.Place, again.Accuracy = z.Center, z.Accuracy
	made := At(&again, nil)
	return z.Version != 0 && made.Version == z.Version && made.ValidUntil >= z.ValidUntil
}

// At makes the zone of q. Its Fences take the room of dst, which may be nil. A place off the globe, or K of 0 or less, gives a
// zone without fences in which nothing is known and nothing is quiet.
func At(q *Question, dst []Near) Zone {
	z := Zone{Center: q.Place, Accuracy: q.Accuracy, ValidUntil: q.Now + Longest.Milliseconds(), Fences: dst[:0]}
	if !(q.Accuracy > 0) {
		z.Accuracy = unknownAccuracy
	}
	if q.K <= 0 || q.Place.Validate() != nil {
		z.ValidUntil = q.Now
		return z
	}
	s := searches.Get().(*search)
	s.run(q)
	s.fill(&z)
	z.Version = s.digest(&z)
	s.release()
	return z
}
