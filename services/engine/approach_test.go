package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

// approacher walks towards and away from a store, served by one node after the other.
type approacher struct {
	*phone
	nodes []*engine.Engine
	told  []string
	won   int
}

func (a *approacher) walk(from, to float64) {
	for metres, step := from, 14.0; ; metres += step {
		if from > to {
			step = -14
		}
		if (to-metres)*step < 0 {
			return
		}
		a.w.pass(10 * time.Second)
		answer := a.tell(a.nodes[0], near(storePlace(0), metres))
		a.nodes = append(a.nodes[1:], a.nodes[0])
		a.told = append(a.told, kinds(answer.Transitions)...)
		for _, d := range answer.Decisions {
			if d.Reason == string(campaign.Won) && d.Kind == "approached" {
				a.won++
			}
		}
	}
}

// A campaign greets somebody who closes in, once an approach, whichever node is asked.
func TestAnApproachWinsACampaignOnce(t *testing.T) {
	t.Parallel()
	for _, policy := range []presence.Policy{presence.Exact, presence.Standard} {
		t.Run(policy.String(), func(t *testing.T) {
			rules := presence.Defaults(policy)
			rules.ApproachDistance = 150
			w := newWorld(t, policy, nil)
			w.open(2, 60, &rules)
			w.run(latte(true, func(c *campaign.Campaign) { c.Trigger.Kinds = []campaign.Kind{campaign.Approached} }))
			a := &approacher{phone: nil, nodes: []*engine.Engine{w.node(), w.node()}}
			a.phone = w.phone(a.nodes[0])
			a.walk(600, 90)
			require.Equal(t, []string{"approached f-0"}, a.told)
			require.Equal(t, 1, a.won)
			a.walk(100, 190)
			a.walk(180, 90)
			require.Equal(t, 1, a.won, "the wider ring was not left")
			a.walk(100, 600)
			a.walk(600, 90)
			require.Equal(t, []string{"approached f-0", "approached f-0"}, a.told)
			require.Equal(t, 2, a.won)

			last := w.node() // started since: what was told stands in the row
			a.nodes, a.token = []*engine.Engine{last}, nil
			a.walk(180, 90)
			require.Equal(t, 2, a.won)
			require.Equal(t, 2, w.count(`SELECT count(*) FROM place WHERE kind = 'approached' AND fence_id = $1`, w.fences[0].ID))
			require.Equal(t, 2, w.count(`SELECT count(*) FROM coupon`))
			require.Zero(t, w.count(`SELECT count(*) FROM open_visit`))
			require.Equal(t, 2, w.count(`SELECT count(*) FROM delivery WHERE deadline = created_at + interval '3 minutes'`))
		})
	}
}

// Without approaches nobody is told, and one that asks for them costs the others nothing.
func TestApproachesAreOffByDefault(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(2, 60, nil)
	a := &approacher{nodes: []*engine.Engine{w.node()}}
	a.phone = w.phone(a.nodes[0])
	a.walk(600, 90)
	require.Empty(t, a.told)
}
