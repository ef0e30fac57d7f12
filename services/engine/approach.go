package engine

import (
	"slices"

	"github.com/wantgo/wantgo/geo/index"
	"github.com/wantgo/wantgo/geo/presence"
)

// maxLookout is how many fences that ask for approaches are looked at round one ping, the nearest first. Presence
// follows fewer at once.
const maxLookout = 64

// approachable notes how far round a device fences of these rules may matter. A view that was made from an earlier one
// keeps the wider of both: too wide costs a look.
func (v *view) approachable(r *presence.Rules) {
	v.approachLookout = max(v.approachLookout, r.ApproachLookout())
}

// matchApproach adds the fences that the device may be closing in on. A brand without approaches pays nothing.
func (r *reporting) matchApproach(p *Ping) {
	if r.v.approachLookout <= 0 {
		return
	}
	for _, near := range r.v.fences.NearestWithin(p.Place, maxLookout, r.v.approachLookout, wantsApproach, nil) {
		if known := slices.ContainsFunc(r.candidates, func(c presence.Candidate) bool { return c.Fence == near.Fence.ID }); !known {
			r.candidates = append(r.candidates, r.candidate(near.Fence, p.Place, false))
		}
	}
}

func wantsApproach(f *index.Fence) bool { return f.Value.(*fenceView).approaches() }

func (fv *fenceView) approaches() bool { return fv.rules.ApproachLookout() > 0 }
