package campaign

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/cap"
)

// maxDigest is how many offers one notification joins.
const maxDigest = 5

// Joined is what a digest brings beside its first offer: each has won like a winner, with a coupon and ledger entry of its
// own. All entries bear the one notification's id, so that it counts once wherever they meet, and in the caps of each
// campaign, store and tag that it speaks of.
type Joined struct {
	Candidate
	Coupon *Coupon
	Entry  cap.Entry
}

// joinable tells whether an offer can stand in a digest.
func (j *judged) joinable() bool {
	return j.Brand.Settings.Digest && j.campaign.Offer != nil && j.moment.Store != nil && j.class == Ad
}

// join finds who stands in one notification with the first: offers of other stores, for the same device and channel, that
// pass all gates too. Of each store and of each offer there is one. Those that do not pass have their reasons.
func (r *round) join(first *judged, after []*judged) (joined []*judged) {
	joined = []*judged{first}
	if !first.joinable() {
		return joined
	}
	for _, j := range after {
		if len(joined) == maxDigest {
			break
		}
		if !j.joinable() || j.channel != first.channel || j.met(joined) || j.refusedBy(admission) {
			continue
		}
		if j.device.ID == first.device.ID {
			joined = append(joined, j)
		}
	}
	return joined
}

func (j *judged) met(joined []*judged) bool {
	for _, other := range joined {
		if other.moment.Store.ID == j.moment.Store.ID || other.campaign.Offer.ID == j.campaign.Offer.ID {
			return true
		}
	}
	return false
}

// digest lets all of them win with one notification, as far as their coupons can be had; nil: there is none, and the first
// wins alone. The first's coupon is reserved already.
func (r *round) digest(joined []*judged) (won []*judged) {
	first := joined[0]
	alone := first.deadline
	defer func() {
		if won == nil {
			first.deadline = alone
		}
	}()
	if len(joined) == 1 || first.together(joined) == nil {
		return nil
	}
	got := joined[:1:1]
	for _, j := range joined[1:] {
		if j.reserve() {
			got = append(got, j)
		}
		r.needs = uuid.Nil // of whom the pool must be asked first, there is none in this digest
	}
	if len(got) == 1 {
		return nil
	}
	note := first.together(got)
	if note == nil {
		return nil
	}
	for _, j := range got {
		j.note = note
		j.win()
		j.decision.Values = map[string]string{"digest": strconv.Itoa(len(got))}
	}
	return got
}

// together is the notification of all; nil: it cannot be made. It is over when the first of them is.
func (j *judged) together(joined []*judged) *pusher.Notification {
	for _, other := range joined {
		if other.deadline.Before(j.deadline) {
			j.deadline = other.deadline
		}
	}
	locale, words := "en", digestWords["en"]
	if key, ok := lookUp(digestWords, j.locale()); ok {
		locale, words = key, digestWords[key]
	}
	sc := j.scene()
	title, body, fault := sc.layOut(fmt.Sprintf(words, len(joined)), digestLines(joined), locale)
	if fault != nil {
		return nil
	}
	note := *j.note
	note.Title, note.Body, note.DeepLink, note.ImageURL = title, body, "", ""
	note.Data = j.data(note.ID, "")
	campaigns, coupons := make([]string, len(joined)), make([]string, len(joined))
	for i, other := range joined {
		campaigns[i], coupons[i] = other.campaign.ID.String(), other.coupon.ID.String()
	}
	note.Data[dataDigest], note.Data[dataCampaigns] = strconv.Itoa(len(joined)), strings.Join(campaigns, ",")
	note.Data[dataCoupons] = strings.Join(coupons, ",")
	if size, err := json.Marshal(&note); err != nil || len(size) > maxNotification {
		return nil
	}
	return &note
}

// join adds those that won with the winner.
func (r *Result) join(others []*judged) {
	for _, j := range others {
		entry := j.entry()
		entry.NotificationID = j.note.ID
		r.Joined = append(r.Joined, Joined{Candidate{Campaign: j.campaign, Moment: j.moment}, j.coupon, entry})
	}
}

// What the app gets of a digest beside the rest: how many offers, and the ids of their campaigns and coupons, in the order
// of the text.
const (
	dataDigest    = "wantgo_digest"
	dataCampaigns = "wantgo_campaigns"
	dataCoupons   = "wantgo_coupons"
)

// DigestOf are the campaigns of a notification's data; none: it is no digest.
func DigestOf(data map[string]string) (campaigns []uuid.UUID) {
	if data[dataDigest] == "" {
		return nil
	}
	for text := range strings.SplitSeq(data[dataCampaigns], ",") {
		id, _ := uuid.Parse(text) // what cannot be read is the campaign of no id, which is not live
		campaigns = append(campaigns, id)
	}
	return campaigns
}

var digestWords = map[string]string{"ko": "근처 혜택 %d건", "en": "%d offers near you"}

// The longest store name and offer of a line, so that five lines leave room for what the law asks for.
const (
	maxLineStore = 18
	maxLineOffer = 24
)

func digestLines(joined []*judged) string {
	var b strings.Builder
	for _, j := range joined {
		name, _, _ := pick(j.moment.Store.Names, j.locale(), j.Brand.Settings.Locale)
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString("· " + clip(tidy(name), maxLineStore) + ": " + clip(j.coupon.Title, maxLineOffer))
	}
	return b.String()
}
