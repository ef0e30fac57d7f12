package engine

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/wantgo/wantgo/services/campaign"
)

// What is remembered of pings is how many of a person's had which verdict in which hour. The counts ride in the person's
// row: a quiet ping counts in memory, and what is counted goes along with the next write. Where none comes, because every
// ping is refused, one is made after an hour. A node that dies takes the counts of at most an hour with it, and a write
// of which nobody knows what became of it may count twice: nothing is decided by them.
//
// Pings out of a sensitive place are not counted at all: that somebody was in one is not kept.
const (
	// pingHours is for how many hours, the present one included, pings are counted.
	pingHours = 24
	// maxPingCounts bounds how many counts a person has.
	maxPingCounts = 64
	// fewPingCounts is how many are left where the row has no room.
	fewPingCounts = 4
	// pingsUnwritten is how long counts wait for another write, ms.
	pingsUnwritten = 3_600_000
	hourMillis     = 3_600_000
)

// pingCount is how many pings had a verdict in an hour.
type pingCount struct {
	hour    uint32 // since 1970
	n       uint16 // stays where it is full
	verdict uint8  // of countedVerdicts, from 1; 0: one that is not there
}

// countedVerdicts are the verdicts by number. Rows hold the numbers: append only.
var countedVerdicts = []Verdict{
	Taken, Repeated, InvalidPlace, InvalidAccuracy, InvalidSpeed, InvalidTime, FromTheFuture, NotInOrder, Inaccurate, Teleported, Mocked,
	Verdict(campaign.FilingMissing), Verdict(campaign.AgeUnknown), Verdict(campaign.GuardianMissing), Verdict(campaign.LocationPaused),
	Verdict(campaign.LocationNotConsented),
}

func verdictNumber(v Verdict) uint8 {
	for i, known := range countedVerdicts {
		if v == known {
			return uint8(i + 1)
		}
	}
	return 0
}

func verdictNumbered(n uint8) Verdict {
	if n == 0 || int(n) > len(countedVerdicts) {
		return "OTHER"
	}
	return countedVerdicts[n-1]
}

// addPings counts c, in order of hours. The list is changed in place where it has room.
func addPings(list []pingCount, c pingCount) []pingCount {
	at := len(list)
	for at > 0 && list[at-1].hour > c.hour {
		at--
	}
	for i := at - 1; i >= 0 && list[i].hour == c.hour; i-- {
		if same := &list[i]; same.verdict == c.verdict {
			same.n = uint16(min(uint32(same.n)+uint32(c.n), math.MaxUint16))
			return list
		}
	}
	if len(list) < maxPingCounts {
		return slices.Insert(list, at, c)
	}
	if at == 0 { // older than all that are kept
		return list
	}
	copy(list, list[1:at])
	list[at-1] = c
	return list
}

// countPings counts what became of a report's pings.
func (r *reporting) countPings() {
	hour := uint32(max(0, r.now) / hourMillis)
	for i := range r.answer.Pings {
		if v := r.answer.Pings[i].Verdict; v != Verdict(campaign.SensitivePlace) {
			r.counted = addPings(r.counted, pingCount{hour, 1, verdictNumber(v)})
		}
	}
	if since := r.p.unwrittenSince; since != 0 && len(r.p.unwritten) > 0 && r.now-since >= pingsUnwritten {
		r.dirty = true
	}
}

// keepPings counts the pings of a turn that writes nothing.
func (t *turn) keepPings() {
	if len(t.counted) == 0 {
		return
	}
	if len(t.p.unwritten) == 0 {
		t.p.unwrittenSince = int64(t.counted[0].hour) * hourMillis
		if t.r.now != 0 {
			t.p.unwrittenSince = t.r.now
		}
	}
	for _, c := range t.counted {
		t.p.unwritten = addPings(t.p.unwritten, c)
	}
	t.counted = t.counted[:0]
}

// sealPings puts everything counted into the state to be written.
func (t *turn) sealPings(now time.Time) {
	if len(t.p.unwritten)+len(t.counted) > 0 {
		t.p.hot.pings = joinPings(t.p.hot.pings, t.p.unwritten, t.counted)
	}
	oldest := int64(now.UnixMilli())/hourMillis - pingHours
	for len(t.p.hot.pings) > 0 && int64(t.p.hot.pings[0].hour) <= oldest {
		t.p.hot.pings = t.p.hot.pings[1:]
	}
}

// joinPings makes a new list of several.
func joinPings(lists ...[]pingCount) (joined []pingCount) {
	for _, list := range lists {
		for _, c := range list {
			joined = addPings(joined, c)
		}
	}
	return joined
}

// packPings is a list as the row has it: hours by what they are later than the one before.
func packPings(list []pingCount) []uint32 {
	if len(list) == 0 {
		return nil
	}
	packed, before := make([]uint32, 0, 3*len(list)), uint32(0)
	for _, c := range list {
		packed = append(packed, c.hour-before, uint32(c.verdict), uint32(c.n))
		before = c.hour
	}
	return packed
}

// unpackPings takes what makes sense: counts are worth no person's row.
func unpackPings(packed []uint32) (list []pingCount) {
	hour := uint32(0)
	for ; len(packed) >= 3 && len(list) < maxPingCounts; packed = packed[3:] {
		if hour+packed[0] < hour {
			return list
		}
		hour += packed[0]
		c := pingCount{hour: hour, n: uint16(min(packed[2], math.MaxUint16))}
		if packed[1] <= math.MaxUint8 {
			c.verdict = uint8(packed[1])
		}
		list = addPings(list, c)
	}
	return list
}

// PingCount is how many pings of a person had a verdict in the hour that began at Hour.
type PingCount struct {
	Hour    time.Time
	Verdict Verdict
	Count   int
}

// told are counts of the last hours, the latest hour first, taken pings before refused ones.
func toldPings(list []pingCount, now time.Time) []PingCount {
	oldest := now.UnixMilli()/hourMillis - pingHours
	var out []PingCount
	for _, c := range list {
		if int64(c.hour) > oldest {
			out = append(out, PingCount{time.UnixMilli(int64(c.hour) * hourMillis).UTC(), verdictNumbered(c.verdict), int(c.n)})
		}
	}
	slices.SortStableFunc(out, func(a, b PingCount) int {
		return cmp.Or(b.Hour.Compare(a.Hour), cmp.Compare(verdictNumber(a.Verdict), verdictNumber(b.Verdict)))
	})
	return out
}
