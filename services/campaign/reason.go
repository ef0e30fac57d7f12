package campaign

import "slices"

// Reason says what the engine did, and which gate said it. It is spelled alike in the contract, in storage, in metrics
// and in what people read; the values that come with each stand in the contract's list.
type Reason string

// The reasons. Those of gates 1 to 6 refuse a ping before any campaign is looked at.
const (
	Won                  Reason = "WON"
	Outranked            Reason = "OUTRANKED"
	FilingMissing        Reason = "FILING_MISSING"
	AgeUnknown           Reason = "AGE_UNKNOWN"
	GuardianMissing      Reason = "GUARDIAN_MISSING"
	LocationPaused       Reason = "LOCATION_PAUSED"
	LocationNotConsented Reason = "LOCATION_NOT_CONSENTED"
	SensitivePlace       Reason = "SENSITIVE_PLACE"
	NotFresh             Reason = "NOT_FRESH"
	BrandStopped         Reason = "BRAND_STOPPED"
	CampaignNotLive      Reason = "CAMPAIGN_NOT_LIVE"
	OutsideDates         Reason = "OUTSIDE_DATES"
	OutsideHours         Reason = "OUTSIDE_HOURS"
	StoreClosed          Reason = "STORE_CLOSED"
	Cooldown             Reason = "COOLDOWN"
	CapReached           Reason = "CAP_REACHED"
	MinimumGap           Reason = "MINIMUM_GAP"
	PersonLimit          Reason = "PERSON_LIMIT" // of the offer's coupons
	StockGone            Reason = "STOCK_GONE"
	AdNotConsented       Reason = "AD_NOT_CONSENTED"
	QuietHours           Reason = "QUIET_HOURS"
	Unreachable          Reason = "UNREACHABLE"
	TextRefused          Reason = "TEXT_REFUSED"
)

// ranks are the reasons by gate, in the order in which they are asked.
var ranks = []struct {
	gate    int
	reasons []Reason
}{
	{1, []Reason{FilingMissing}},
	{2, []Reason{AgeUnknown, GuardianMissing}},
	{3, []Reason{LocationPaused}},
	{4, []Reason{LocationNotConsented}},
	{6, []Reason{SensitivePlace}},
	{7, []Reason{NotFresh}},
	{8, []Reason{BrandStopped, CampaignNotLive, OutsideDates, OutsideHours, StoreClosed}},
	{11, []Reason{Cooldown, CapReached, MinimumGap}},
	{12, []Reason{PersonLimit, StockGone}},
	{13, []Reason{AdNotConsented}},
	{14, []Reason{QuietHours}},
	{15, []Reason{Unreachable}},
	{16, []Reason{TextRefused}},
	{0, []Reason{Outranked, Won}},
}

// Reasons are all reasons, as their gates stand; those of no gate come last.
func Reasons() (all []Reason) {
	for _, rank := range ranks {
		all = append(all, rank.reasons...)
	}
	return all
}

// Gate is the number of the gate that gives this reason, 1 to 16; 0: none does.
func (r Reason) Gate() int {
	for _, rank := range ranks {
		if slices.Contains(rank.reasons, r) {
			return rank.gate
		}
	}
	return 0
}
