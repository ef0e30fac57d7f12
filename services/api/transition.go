package api

import (
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/wantgo/wantgo/geo/presence"
	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/store"
)

var kinds = map[v1.Transition_Kind]presence.Kind{
	v1.Transition_ENTERED: presence.Entered, v1.Transition_DWELLED: presence.Dwelled, v1.Transition_EXITED: presence.Exited,
	v1.Transition_APPROACHED: presence.Approached,
}

// momentKinds are the contract's kinds of moments; those of transitions have the same names there.
var momentKinds = map[v1.Moment_Kind]campaign.Kind{
	v1.Moment_ENTERED: campaign.Entered, v1.Moment_DWELLED: campaign.Dwelled, v1.Moment_EXITED: campaign.Exited,
	v1.Moment_APPROACHED: campaign.Approached, v1.Moment_STORE_SEARCHED: campaign.StoreSearched, v1.Moment_SEARCHED: campaign.Searched,
	v1.Moment_VIEWED: campaign.Viewed, v1.Moment_DID: campaign.Did, v1.Moment_LINGERED: campaign.Lingered,
	v1.Moment_BASKET_ADDED: campaign.BasketAdded, v1.Moment_BASKET_REMOVED: campaign.BasketRemoved, v1.Moment_BOUGHT: campaign.Bought,
	v1.Moment_FLASHED: campaign.Flashed, v1.Moment_SCHEDULED: campaign.Scheduled, v1.Moment_DATED: campaign.Dated, v1.Moment_ABSENT: campaign.Absent,
}

var purposes = map[v1.Fence_Purpose]store.Purpose{v1.Fence_VISIT: store.Visit, v1.Fence_NEAR: store.Near, v1.Fence_OTHER: store.Other}

// exitReason is why a stay ended; the contract has the domain's names.
func exitReason(r presence.Reason) v1.ExitReason_Code {
	return v1.ExitReason_Code(v1.ExitReason_Code_value[strings.ToUpper(r.String())])
}

func transitionTo(t *engine.TransitionAnswer) *v1.Transition {
	out := &v1.Transition{
		Id: t.ID.String(), Kind: keyOf(kinds, t.Kind), FenceId: t.FenceID.String(), FenceExternalId: t.FenceExternalID,
		StoreId: formatID(t.StoreID), StoreExternalId: t.StoreExternalID,
		TransitionTime: timestamppb.New(time.UnixMilli(t.At)),
	}
	if t.Purpose != "" {
		out.Purpose = keyOf(purposes, t.Purpose)
	}
	if t.Kind == presence.Exited {
		out.ExitReason = exitReason(t.Reason)
	}
	return out
}

// placeTransitions puts transitions beside the pings that settled them. What time settled before a ping came stands with the first
// ping that was looked at.
func placeTransitions(transitions []engine.TransitionAnswer, results map[uuid.UUID]*v1.PingResult, order []*v1.PingResult) {
	for i := range transitions {
		t := &transitions[i]
		at := results[t.PingID]
		for _, r := range order {
			if at != nil {
				break
			}
			if r.GetOutcome() == v1.PingResult_TAKEN {
				at = r
			}
		}
		if at == nil && len(order) > 0 {
			at = order[0]
		}
		if at != nil {
			at.Transitions = append(at.Transitions, transitionTo(t))
		}
	}
}
