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
	MomentFiltered       Reason = "MOMENT_FILTERED"
	NotNthVisit          Reason = "NOT_NTH_VISIT"
	// VisitHistoryNotConsented: the visits cannot be counted, as the person has not agreed to their being kept.
	VisitHistoryNotConsented Reason = "VISIT_HISTORY_NOT_CONSENTED"
	ExcludedSegment          Reason = "EXCLUDED_SEGMENT"
	NotInSegment             Reason = "NOT_IN_SEGMENT"
	ProfileNotConsented      Reason = "PROFILE_NOT_CONSENTED"
	NotInAudience            Reason = "NOT_IN_AUDIENCE"
	HeldOut                  Reason = "HELD_OUT"
	Cooldown                 Reason = "COOLDOWN"
	CapReached               Reason = "CAP_REACHED"
	MinimumGap               Reason = "MINIMUM_GAP"
	// OwnLimit, TopicMuted and StoreMuted are what the person asked for.
	OwnLimit       Reason = "OWN_LIMIT"
	TopicMuted     Reason = "TOPIC_MUTED"
	StoreMuted     Reason = "STORE_MUTED"
	PersonLimit    Reason = "PERSON_LIMIT" // of the offer's coupons
	StockGone      Reason = "STOCK_GONE"
	AdNotConsented Reason = "AD_NOT_CONSENTED"
	QuietHours     Reason = "QUIET_HOURS"
	OwnQuietHours  Reason = "OWN_QUIET_HOURS" // what the person asked for
	Unreachable    Reason = "UNREACHABLE"
	TextRefused    Reason = "TEXT_REFUSED"
	// ReminderSet is of a campaign that reminds later; ReminderDropped says that it will not after all.
	ReminderSet     Reason = "REMINDER_SET"
	ReminderDropped Reason = "REMINDER_DROPPED"
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
	{9, []Reason{
		MomentFiltered, NotNthVisit, VisitHistoryNotConsented, ExcludedSegment, NotInSegment, ProfileNotConsented, NotInAudience,
	}},
	{10, []Reason{HeldOut}},
	{11, []Reason{Cooldown, CapReached, MinimumGap, OwnLimit, TopicMuted, StoreMuted}},
	{12, []Reason{PersonLimit, StockGone}},
	{13, []Reason{AdNotConsented}},
	{14, []Reason{QuietHours, OwnQuietHours}},
	{15, []Reason{Unreachable}},
	{16, []Reason{TextRefused}},
	{0, []Reason{ReminderSet, ReminderDropped, Outranked, Won}},
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
