package campaign

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// crowdOf draws people.
func crowdOf(t *testing.T, n int) []uuid.UUID {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 5))
	people := make([]uuid.UUID, n)
	for i := range people {
		people[i] = id(rng.Uint64())
		people[i][3] = byte(rng.Uint32())
	}
	return people
}

// within holds a count against what is expected of n draws, by seven standard deviations: once in 10^11 runs it is wrong.
func within(t *testing.T, count, n int, share float64, what string) {
	t.Helper()
	expected := share * float64(n)
	require.InDelta(t, expected, float64(count), 1+7*sqrt(expected*(1-share)), what)
}

func sqrt(x float64) float64 {
	r := x
	for range 60 {
		r = (r + x/max(r, 1e-9)) / 2
	}
	return r
}

const drawn = 20_000

func TestDrawsAreUniformAndIndependent(t *testing.T) {
	people := crowdOf(t, drawn)
	a, b := id(1), id(2)
	both, one, other, tenth := 0, 0, 0, 0
	for _, p := range people {
		x, y, z := draw(drawCampaign, a, p) < 0.3, draw(drawCampaign, b, p) < 0.3, draw(drawBrand, a, p) < 0.3
		require.Equal(t, x, draw(drawCampaign, a, p) < 0.3)
		one += ofBool(x)
		both += ofBool(x && y)
		other += ofBool(x && z)
		if draw(drawCampaign, a, p) < 0.1 {
			tenth++
			require.True(t, x, "a larger share holds out those of a smaller one")
		}
	}
	within(t, one, drawn, 0.3, "share")
	within(t, tenth, drawn, 0.1, "smaller share")
	within(t, both, drawn, 0.09, "two campaigns")
	within(t, other, drawn, 0.09, "brand and campaign")
}

func ofBool(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestVariants(t *testing.T) {
	people := crowdOf(t, drawn)
	c := latte()
	c.Variants = []Variant{{Name: "a", Weight: 1}, {Name: "b", Weight: 2}, {Name: "c", Weight: 1}, {Name: "never"}}
	turned := latte()
	turned.Variants = slices.Clone(c.Variants)
	slices.Reverse(turned.Variants)
	heavier := latte()
	heavier.Variants = slices.Clone(c.Variants)
	heavier.Variants[2].Weight = 4
	counts, heldOut := map[string]int{}, 0
	for _, p := range people {
		v := c.variantOf(p)
		counts[v.Name]++
		require.Equal(t, v.Name, turned.variantOf(p).Name, "whatever the order")
		if now := heavier.variantOf(p); now.Name != v.Name {
			require.Equal(t, "c", now.Name, "a weight that grows takes from the others and gives them nothing")
		}
		if draw(drawCampaign, c.ID, p) < 0.5 && v.Name == "b" {
			heldOut++
		}
	}
	within(t, counts["a"], drawn, 0.25, "a")
	within(t, counts["b"], drawn, 0.5, "b")
	within(t, counts["c"], drawn, 0.25, "c")
	within(t, heldOut, drawn, 0.25, "variant and holdout")
	require.Zero(t, counts["never"])
	require.Nil(t, latte().variantOf(people[0]))
}

// Who reads what and who is held out changes with nothing but the ids.
func TestArms(t *testing.T) {
	s := declaring()
	s.c.Variants = []Variant{{Name: "plain", Weight: 1}, {Name: "loud", Weight: 1, Texts: map[string]Text{"ko": {"큰 소리", "나"}}}}
	arms := map[string]int{}
	for i := range 200 {
		s.v.PersonID = id(uint64(i))
		s.v.Campaigns = nil
		r := s.decide()
		d := r.Decisions[0]
		require.Equal(t, Won, d.Reason)
		arms[d.Arm]++
		require.Equal(t, d.Arm == "loud", r.Notification.Title == "(광고) 큰 소리", d.Arm)

		fullToday(s)
		full := s.decide().Decisions[0]
		require.Equal(t, CapReached, full.Reason)
		require.Equal(t, d.Arm, full.Arm, "assigned before caps")
		s.v.History.Entries = nil

		s.c.Audience = `false`
		require.Empty(t, s.decide().Decisions[0].Arm, "who is not of the audience is of no arm")
		s.c.Audience = ""

		s.c.Holdout = 1
		held := s.decide().Decisions[0]
		require.Equal(t, HeldOut, held.Reason)
		require.Equal(t, ArmHeldOut, held.Arm)
		s.c.Holdout = 0
	}
	require.Len(t, arms, 2)
}
