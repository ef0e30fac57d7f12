package api

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

// resultsTo says sums in the contract's words. What stands in one column of the sums, the arm, is two dimensions here:
// where only one of them is asked for, groups that differ in the other become one.
func (s *Server) resultsTo(brandID uuid.UUID, found []engine.Result, by []v1.ResultQuery_Dimension) []*v1.Result {
	var all []*v1.Result
	for i := range found {
		r := s.resultTo(brandID, &found[i], by)
		at := slices.IndexFunc(all[max(0, len(all)-armsAtOnce):], func(o *v1.Result) bool { return sameResult(o, r) })
		if at >= 0 {
			addResult(all[max(0, len(all)-armsAtOnce)+at], r)
			continue
		}
		all = append(all, r)
	}
	slices.SortStableFunc(all, func(a, b *v1.Result) int {
		return cmp.Or(cmp.Compare(a.GetDay(), b.GetDay()), cmp.Compare(a.GetCampaignId(), b.GetCampaignId()), cmp.Compare(a.GetStoreId(), b.GetStoreId()),
			cmp.Compare(a.GetVariant(), b.GetVariant()), cmp.Compare(a.GetArm(), b.GetArm()))
	})
	return all
}

// armsAtOnce is how far back a group may stand that differs in its arm only: groups come in order, and there are no more
// variants of a campaign.
const armsAtOnce = 64

func sameResult(a, b *v1.Result) bool {
	return a.GetDay() == b.GetDay() && a.GetCampaignId() == b.GetCampaignId() && a.GetStoreId() == b.GetStoreId() && a.GetVariant() == b.GetVariant() && a.GetArm() == b.GetArm()
}

func (s *Server) resultTo(brandID uuid.UUID, r *engine.Result, by []v1.ResultQuery_Dimension) *v1.Result {
	out := &v1.Result{CampaignId: formatID(r.CampaignID), StoreId: formatID(r.StoreID)}
	if c, err := s.engine.Campaign(brandID, r.CampaignID); err == nil {
		out.CampaignExternalId = c.ExternalID
	}
	if at, err := s.engine.Store(brandID, r.StoreID); err == nil {
		out.StoreExternalId = at.ExternalID
	}
	if !r.Day.IsZero() {
		out.Day = r.Day.Format(time.DateOnly)
	}
	if slices.Contains(by, v1.ResultQuery_VARIANT) && r.Arm != campaign.ArmHeldOut {
		out.Variant = r.Arm
	}
	if slices.Contains(by, v1.ResultQuery_ARM) {
		out.Arm = v1.Result_TREATED
		if r.Arm == campaign.ArmHeldOut {
			out.Arm = v1.Result_HELD_OUT
		}
	}
	for measure, n := range r.Measures {
		measureTo(out, measure, n)
	}
	return out
}

// measureTo puts one measure into its figures.
func measureTo(out *v1.Result, measure string, n float64) {
	count := int64(math.Round(n))
	name, of, _ := strings.Cut(measure, " ")
	switch {
	case measure == engine.MeasureShown:
		out.Shown = count
	case measure == engine.MeasureOpened:
		out.Opened = count
	case measure == engine.MeasureVisited:
		out.Visited = count
	case measure == engine.MeasureWonVisited:
		out.WonVisited = count
	case measure == engine.MeasureRedeemed:
		out.Redeemed = count
	case measure == engine.MeasureBought:
		out.Bought = count
	case name+" " == engine.MeasureAccepted:
		out.Accepted = with(out.Accepted, of, count)
	case name+" " == engine.MeasureAmount:
		out.Amounts = with(out.Amounts, of, n)
	default:
		decidedTo(out, campaign.Reason(measure), count)
	}
}

func decidedTo(out *v1.Result, reason campaign.Reason, count int64) {
	out.Moments += count
	if engine.Eligible(reason) {
		out.Eligible += count
	}
	if reason == campaign.Won {
		out.Won = count
	} else {
		out.Refused = with(out.Refused, string(reason), count)
	}
}

func with[N int64 | float64](m map[string]N, name string, n N) map[string]N {
	if m == nil {
		m = map[string]N{}
	}
	m[name] += n
	return m
}

// addResult adds b to a.
func addResult(a, b *v1.Result) {
	a.Moments, a.Eligible, a.Won = a.Moments+b.Moments, a.Eligible+b.Eligible, a.Won+b.Won
	a.Shown, a.Opened, a.Visited, a.WonVisited = a.Shown+b.Shown, a.Opened+b.Opened, a.Visited+b.Visited, a.WonVisited+b.WonVisited
	a.Redeemed, a.Bought = a.Redeemed+b.Redeemed, a.Bought+b.Bought
	for name, n := range b.Refused {
		a.Refused = with(a.Refused, name, n)
	}
	for name, n := range b.Accepted {
		a.Accepted = with(a.Accepted, name, n)
	}
	for name, n := range b.Amounts {
		a.Amounts = with(a.Amounts, name, n)
	}
}

// leastExported is how many moments a store must have had on a day for a file to say so: a file goes where nobody asks who
// reads it, and of fewer somebody who knows the store may guess whose they were.
const leastExported = 10

// withoutSmallGroups adds rows of few moments at a store on a day to the row of no store beside them.
func withoutSmallGroups(results []*v1.Result) (kept []*v1.Result) {
	var small []*v1.Result
	for _, r := range results {
		if r.GetStoreId() != "" && r.GetMoments() < leastExported {
			small = append(small, r)
		} else {
			kept = append(kept, r)
		}
	}
	type group struct {
		day, campaign, variant string
		arm                    v1.Result_Arm
	}
	of := func(r *v1.Result) group { return group{r.GetDay(), r.GetCampaignId(), r.GetVariant(), r.GetArm()} }
	elsewhere := map[group]*v1.Result{}
	for _, r := range kept {
		if r.GetStoreId() == "" {
			elsewhere[of(r)] = r
		}
	}
	for _, r := range small {
		if into := elsewhere[of(r)]; into != nil {
			addResult(into, r)
			continue
		}
		r.StoreId, r.StoreExternalId = "", ""
		elsewhere[of(r)] = r
		kept = append(kept, r)
	}
	slices.SortStableFunc(kept, func(a, b *v1.Result) int { return cmp.Compare(a.GetDay(), b.GetDay()) })
	return kept
}

// namesIn are the names that occur in a map of any of the results.
func namesIn[N any](results []*v1.Result, of func(*v1.Result) map[string]N) []string {
	names := map[string]bool{}
	for _, r := range results {
		for name := range of(r) {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
