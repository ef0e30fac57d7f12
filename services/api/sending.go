package api

import (
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/engine"
)

var sendingStates = map[v1.Sending_State]engine.SendingState{
	v1.Sending_ESTIMATING: engine.SendingEstimating, v1.Sending_WAITING: engine.SendingWaiting, v1.Sending_RUNNING: engine.SendingRunning,
	v1.Sending_PAUSED: engine.SendingPaused, v1.Sending_DONE: engine.SendingDone, v1.Sending_CANCELLED: engine.SendingCancelled,
}

func sendingTo(s *engine.Sending) *v1.Sending {
	out := &v1.Sending{
		Id: s.ID.String(), CampaignId: s.CampaignID.String(), Kind: keyOf(momentKinds, s.Kind), State: keyOf(sendingStates, s.State),
		BeginTime: timestamppb.New(s.At), DeadlineTime: timestamppb.New(s.Deadline), StartTime: stamp(s.StartedAt), EndTime: stamp(s.EndedAt),
		Code: s.Code, Estimate: estimateTo(s.Estimate), Counts: sendingCountsTo(&s.Counts), PerMinute: int32(s.PerMinute),
	}
	if !s.State.Ended() {
		out.NextTime = timestamppb.New(s.NextAt)
	}
	return out
}

func estimateTo(e *engine.SendingEstimate) *v1.SendingEstimate {
	if e == nil {
		return nil
	}
	return &v1.SendingEstimate{
		EstimateTime: timestamppb.New(e.At), PersonCount: e.People, MatchingCount: e.Matching, ConsentingCount: e.Consenting,
		ReachableCount: e.Reachable, UnderCapsCount: e.UnderCaps, SampleCount: e.Sample, Margin: e.Margin,
	}
}

func sendingCountsTo(c *engine.SendingCounts) *v1.SendingCounts {
	out := &v1.SendingCounts{OutsideCount: c.Outside, DeferredCount: c.Deferred, WonCount: c.Won, FailedCount: c.Failed}
	for reason, n := range c.Refused {
		out.Refusals = append(out.Refusals, &v1.SendingCounts_Refusal{
			Reason: v1.DecisionReason_Code(v1.DecisionReason_Code_value[string(reason)]), PersonCount: n,
		})
	}
	slices.SortFunc(out.Refusals, func(a, b *v1.SendingCounts_Refusal) int { return int(a.GetReason()) - int(b.GetReason()) })
	return out
}
