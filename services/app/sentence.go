package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/wantgo/wantgo/services/campaign"
)

// sentences say what a reason means to the one who asks why. A word in braces is the value of that name.
var sentences = map[campaign.Reason]string{
	campaign.Won:                  "a notification was made.",
	campaign.FilingMissing:        "the brand's location filing does not allow taking positions now.",
	campaign.AgeUnknown:           "it is not known that the person is old enough to be located.",
	campaign.GuardianMissing:      "the person is under age and no guardian has agreed.",
	campaign.LocationPaused:       "the person has paused location.",
	campaign.LocationNotConsented: "the person has not agreed to the use of their location, or no longer does.",
	campaign.RecordNotWritten:     "the location-use record could not be written, so the position was not looked at.",
	campaign.SensitivePlace:       "the phone was in a place marked as sensitive.",
	campaign.NotFresh:             "the position came too late to act on.",
	campaign.CampaignNotLive:      "the campaign was not live (state {state}).",
	campaign.OutsideDates:         "the campaign does not run on that day (it was {local_time} in {zone}).",
	campaign.OutsideHours:         "the campaign does not run at that hour (it was {local_time} in {zone}).",
	campaign.StoreClosed:          "the store was closed.",
	campaign.BrandStopped:         "somebody has stopped the whole brand.",
	campaign.Cooldown:             "the person had this campaign less than {cooldown} before; free again at {free_at}.",
	campaign.CapReached:           "the cap of {limit} a {window} for the {scope} was full ({count} counted); free again at {free_at}.",
	campaign.MinimumGap:           "less than {gap} had passed since the last notification; free again at {free_at}.",
	campaign.PersonLimit:          "the person has had all coupons of this offer they may have ({count} of {limit}).",
	campaign.StockGone:            "no coupon was left.",
	campaign.AdNotConsented:       "the person has not agreed to advertising by push.",
	campaign.QuietHours:           "it was night for the person ({zone}), who has not agreed to advertising at night; day begins at {until}.",
	campaign.Unreachable:          "no notification could reach the phone.",
	campaign.TextRefused:          "the text could not be made, or breaks a rule.",
	campaign.Outranked:            "another campaign of the same moment stood first.",
}

// sentence fills a reason's sentence. Values that it does not mention follow it.
func (x *explainer) sentence(reason string, values map[string]string) string {
	text, known := sentences[campaign.Reason(reason)]
	if !known {
		text = "the engine gave this reason."
	}
	var rest []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := x.readable(name, values[name])
		filled := strings.ReplaceAll(text, "{"+name+"}", value)
		if filled == text {
			rest = append(rest, fmt.Sprintf("%s %s", strings.ReplaceAll(name, "_", " "), value))
		}
		text = filled
	}
	if len(rest) > 0 {
		text += " (" + strings.Join(rest, ", ") + ")"
	}
	return text
}

// readable turns instants into the brand's local time and the ids of campaigns into names.
func (x *explainer) readable(name, value string) string {
	if at, err := time.Parse(time.RFC3339, value); err == nil {
		return at.In(x.zone).Format("2006-01-02 15:04")
	}
	if name == "by" {
		return x.campaign(value)
	}
	return value
}
