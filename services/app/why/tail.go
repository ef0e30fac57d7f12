package why

import (
	"cmp"
	"strings"
	"time"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// Happened prints one message of TailDecisions.
func (p *Printer) Happened(r *v1.TailDecisionsResponse) error {
	at := p.at(r.GetEventTime(), toTheSecond)
	switch e := r.GetEvent().(type) {
	case *v1.TailDecisionsResponse_Began_:
		p.line("%s  %s", at, p.words.say("began", e.Began.GetPersonId(), e.Began.GetNodeId()))
	case *v1.TailDecisionsResponse_Ping:
		p.line("%s  %s", at, p.heard(e.Ping))
	case *v1.TailDecisionsResponse_Transition:
		p.line("%s  %s", at, p.transition(e.Transition))
	case *v1.TailDecisionsResponse_Decision:
		p.line("%s  %s", at, p.occasion(e.Decision))
		p.decision(e.Decision)
	case *v1.TailDecisionsResponse_Outcome_:
		p.line("%s  %s", at, p.outcome(e.Outcome))
	case *v1.TailDecisionsResponse_Elsewhere_:
		p.line("%s  %s", at, p.words.say("elsewhere"))
	case *v1.TailDecisionsResponse_Lost_:
		p.line("%s  %s", at, p.words.say("lost", e.Lost.GetCount()))
	}
	return p.err
}

func (p *Printer) heard(h *v1.TailDecisionsResponse_HeardPing) string {
	accuracy := p.words.say("unknown")
	if h.AccuracyMeters != nil {
		accuracy = p.words.say("accuracy", h.GetAccuracyMeters())
	}
	text := p.words.say("ping", h.GetVerdict(), accuracy, h.GetAge().AsDuration().Round(time.Second), h.GetDeviceId())
	if h.GetForeground() {
		text += p.words.say("app")
	}
	if h.GetLate() {
		text += p.words.say("late")
	}
	return text
}

func (p *Printer) transition(t *v1.Transition) string {
	place := cmp.Or(t.GetStoreExternalId(), t.GetStoreId())
	if place == "" {
		place = p.words.say("at fence", cmp.Or(t.GetFenceExternalId(), t.GetFenceId()))
	}
	text := p.words.kinds[v1.Moment_Kind(t.GetKind())] + " " + place
	if t.GetExitReason() != 0 {
		text += " (" + strings.ToLower(t.GetExitReason().String()) + ")"
	}
	return text
}

func (p *Printer) outcome(o *v1.TailDecisionsResponse_Outcome) string {
	if o.GetReceipt() != 0 {
		return p.words.say("receipt", o.GetNotificationId(), strings.ToLower(o.GetReceipt().String()))
	}
	return p.words.say("outcome", o.GetNotificationId(), o.GetDelivery().GetState(), because(o.GetDelivery().GetProviderCode()))
}
