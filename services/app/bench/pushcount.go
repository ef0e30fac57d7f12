package bench

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wantgo/wantgo/pusher/emulator"
	"github.com/wantgo/wantgo/services/app/node"
	"github.com/wantgo/wantgo/services/postgres"
)

// pushSpent is CPU time up to a moment.
type pushSpent struct{ node, postgres, provider time.Duration }

func (s pushSpent) since(before pushSpent) pushSpent {
	return pushSpent{s.node - before.node, s.postgres - before.postgres, s.provider - before.provider}
}

func (r *pushRun) used() pushSpent {
	all := readProcesses()
	return pushSpent{node: ownTime(), postgres: timeOfTree(all, postmaster(r.dir)), provider: all[r.emulators.command.Process.Pid].own}
}

func (r *pushRun) spent(s pushSpent) {
	r.report.NodeCPU, r.report.PostgresCPU = perThousand(s.node, r.report.Accepted), perThousand(s.postgres, r.report.Accepted)
	r.report.ProviderCPU = perThousand(s.provider, r.report.Accepted)
	r.report.CPU = perThousand(s.node+s.postgres, r.report.Accepted)
}

func perThousand(d time.Duration, n int) float64 {
	return float64(int(d.Seconds()/float64(max(n, 1))*1e7)) / 1e4
}

// steady is the rate from the moment when a tenth was accepted until end, or the last acceptance if that came later.
func steady(accepted []emulator.Accepted, end time.Time) (perSecond, seconds float64) {
	skip := len(accepted) / 10
	if skip == 0 {
		return 0, 0
	}
	if last := accepted[len(accepted)-1].Time; last.After(end) {
		end = last
	}
	seconds = end.Sub(accepted[skip-1].Time).Seconds()
	return float64(len(accepted)-skip) / seconds, seconds
}

// emptied reads what became of the outbox and forgets it at the providers.
func (r *pushRun) emptied(ctx context.Context) error {
	var accepted []emulator.Accepted
	var counts providerCounts
	if err := r.control(ctx, "/accepted", &accepted); err != nil {
		return err
	}
	if err := r.control(ctx, "/counts", &counts); err != nil {
		return err
	}
	ends, err := postgres.ReadDeliveryEnds(ctx, r.database.URL(), r.crowd.Brand)
	if err != nil {
		return err
	}
	perSecond, seconds := steady(accepted, ends.Last)
	r.report.AcceptedPerSecond, r.report.Seconds, r.report.States = round(perSecond), round(seconds), ends.States
	r.report.Accepted, r.report.Distinct = len(accepted), distinct(accepted)
	r.report.Connections = counts.FCM.Connections + counts.APNs.Connections
	return r.forget(ctx)
}

func distinct(accepted []emulator.Accepted) int {
	ids := map[string]bool{}
	for i := range accepted {
		ids[accepted[i].Delivery] = true
	}
	return len(ids)
}

// moments lets people come in at a rate and times their notifications, from the ping's arrival to the acceptance.
func (r *pushRun) moments(ctx context.Context, n *node.Node) error {
	const tick = 10 * time.Millisecond
	began := time.Now()
	entered := make([]time.Time, r.Moments)
	group, entering := errgroup.WithContext(ctx)
	for done := 0; done < r.Moments && entering.Err() == nil; pause(entering, tick) {
		due := min(r.Moments, int(r.Rate*time.Since(began).Seconds()))
		for done < due {
			from, to := done, min(done+maxTogether, due)
			for i := from; i < to; i++ {
				entered[i] = time.Now()
			}
			group.Go(func() error { return r.crowd.Enter(entering, n.Engine(), r.Deliveries+from, r.Deliveries+to) })
			done = to
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := r.until(ctx, time.Now(), r.Moments, patience); err != nil {
		return err
	}
	return r.timed(ctx, entered)
}

// maxTogether is how many moments come in one call.
const maxTogether = 100

func (r *pushRun) timed(ctx context.Context, entered []time.Time) error {
	at := make(map[string]time.Time, len(entered))
	for i := range entered {
		at[r.crowd.Addresses[r.Deliveries+i].Value] = entered[i]
	}
	var accepted []emulator.Accepted
	if err := r.control(ctx, "/accepted", &accepted); err != nil {
		return err
	}
	var times []uint32
	for i := range accepted {
		if came, ok := at[accepted[i].Address]; ok {
			times = append(times, uint32(max(0, accepted[i].Time.Sub(came).Microseconds())))
		}
	}
	r.report.P50, r.report.P99 = quantile(times, 0.5)/1000, quantile(times, 0.99)/1000
	return nil
}
