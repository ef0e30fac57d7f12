package engine

import (
	"slices"
	"time"

	"github.com/google/uuid"

	statev1 "github.com/wantgo/wantgo/proto/wantgo/state/v1"
	"github.com/wantgo/wantgo/services/campaign"
)

// A sending asks each person once. What the question came to is noted in the person's row, by the same compare-and-set
// that writes what came of it: whoever takes a page again, after the node that had it died or froze, finds the note. Notes
// are kept until the sending's deadline, after which it asks nobody. The page that was asked on tells a page taken again,
// whose people are still to be counted, from another mention of a person that was counted already.

const (
	// mostMarks is how many sendings may ask one person at a time. What could not be noted is not asked.
	mostMarks = 16
	// mostAbsences is how many absences of one person are remembered.
	mostAbsences = 16
)

// sendingMark is what one sending's question came to.
type sendingMark struct {
	sending uuid.UUID
	until   int64 // ms
	page    uint32
	reason  campaign.Reason
}

// absenceMark is the absence that a campaign told of: the last sign before it, ms.
type absenceMark struct {
	campaign uuid.UUID
	since    int64
}

func (h *hot) sent(id uuid.UUID) *sendingMark {
	for i := range h.sendings {
		if h.sendings[i].sending == id {
			return &h.sendings[i]
		}
	}
	return nil
}

// roomToMark tells whether another note can be kept.
func (h *hot) roomToMark(now int64) bool {
	live := 0
	for i := range h.sendings {
		if h.sendings[i].until > now {
			live++
		}
	}
	return live < mostMarks
}

// mark notes what a question came to, in place of what is over.
func (h *hot) mark(m sendingMark, now int64) {
	live := slices.DeleteFunc(slices.Clone(h.sendings), func(o sendingMark) bool { return o.until <= now })
	h.sendings = append(live, m)
}

// toldOf tells whether a campaign told of the absence since a sign.
func (h *hot) toldOf(campaignID uuid.UUID, since time.Time) bool {
	return slices.Contains(h.absences, absenceMark{campaignID, since.UnixMilli()})
}

// markAbsence notes that a campaign told of an absence: of each campaign the last is kept, of too many the later ones.
func (h *hot) markAbsence(campaignID uuid.UUID, since time.Time) {
	kept := slices.DeleteFunc(slices.Clone(h.absences), func(m absenceMark) bool { return m.campaign == campaignID })
	if over := len(kept) - mostAbsences + 1; over > 0 {
		kept = kept[over:]
	}
	h.absences = append(kept, absenceMark{campaignID, since.UnixMilli()})
}

// takeMarks adds another person's notes, so that nobody is asked twice under two names.
func (h *hot) takeMarks(given *hot) {
	for _, m := range given.sendings {
		if h.sent(m.sending) == nil {
			h.sendings = append(slices.Clone(h.sendings), m)
		}
	}
	for _, m := range given.absences {
		if !slices.Contains(h.absences, m) && len(h.absences) < mostAbsences {
			h.absences = append(slices.Clone(h.absences), m)
		}
	}
}

func (h *hot) encodeMarks(m *statev1.PersonState) {
	for i := range h.sendings {
		s := &h.sendings[i]
		m.Sendings = append(m.Sendings, &statev1.SendingMark{SendingId: bytesOf(s.sending), UntilMs: s.until, Page: s.page, Reason: string(s.reason)})
	}
	for _, a := range h.absences {
		m.Absences = append(m.Absences, &statev1.AbsenceMark{CampaignId: bytesOf(a.campaign), SinceMs: a.since})
	}
}

func (h *hot) decodeMarks(m *statev1.PersonState) {
	for _, s := range m.Sendings {
		h.sendings = append(h.sendings, sendingMark{idFrom(s.SendingId), s.UntilMs, s.Page, campaign.Reason(s.Reason)})
	}
	for _, a := range m.Absences {
		h.absences = append(h.absences, absenceMark{idFrom(a.CampaignId), a.SinceMs})
	}
}
