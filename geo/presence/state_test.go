package presence

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNames(t *testing.T) {
	for p := Standard; p <= Exact; p++ {
		got, err := ParsePolicy(p.String())
		require.NoError(t, err)
		require.Equal(t, p, got)
		r := Defaults(p)
		require.NoError(t, r.Check())
	}
	_, err := ParsePolicy("lax")
	require.ErrorContains(t, err, `"lax"`)
	require.Equal(t, "exited entered dwelled approached", Exited.String()+" "+Entered.String()+" "+Dwelled.String()+" "+Approached.String())
	require.Equal(t, "accuracy_too_poor", AccuracyTooPoor.String())
	require.Equal(t, "record_missing", RecordMissing.String())
	require.Equal(t, "mock", Mock.String())
}

func TestRulesCheck(t *testing.T) {
	for want, spoil := range map[string]func(*Rules){
		"policy":            func(r *Rules) { r.Policy = 9 },
		"enter margin":      func(r *Rules) { r.EnterMargin = math.NaN() },
		"exit margin":       func(r *Rules) { r.ExitMargin = r.EnterMargin },
		"surety":            func(r *Rules) { r.Surety = -1 },
		"agreeing":          func(r *Rules) { r.Agreeing = -1 },
		"dwell":             func(r *Rules) { r.Dwell = -time.Second },
		"max speed":         func(r *Rules) { r.MaxSpeed = math.Inf(1) },
		"silence":           func(r *Rules) { r.Silence = 1e9 * time.Second },
		"already inside":    func(r *Rules) { r.AlreadyInside = 3 },
		"approach distance": func(r *Rules) { r.ApproachDistance = math.NaN() },
		"approach time":     func(r *Rules) { r.ApproachTime = -1 },
	} {
		r := Defaults(Standard)
		spoil(&r)
		require.ErrorContains(t, r.Check(), want)
	}
}

func TestLogBessel(t *testing.T) {
	for x := 0.0; x < 300; x += 0.173 {
		sum, term := 0.0, 1.0
		for k := 1.0; term > sum*1e-17; k++ {
			sum += term
			term *= x * x / 4 / (k * k)
		}
		require.InDelta(t, math.Log(sum), logBessel(x), 5e-7, "%v", x)
	}
}

// A circle so wide that its edge is straight for the noise must weigh like a straight one.
func TestRatioOfWideCircle(t *testing.T) {
	for _, gap := range []float64{-40, -3, 0, 12, 80} {
		wide := ratio(gap, 700, 15, -15, 5)
		straight := ratio(gap, 0, 15, -15, 5)
		require.InDelta(t, straight, wide, 0.1*math.Abs(straight)+0.05, "%v", gap)
	}
}

func TestUnmarshalCarriedRefuses(t *testing.T) {
	ph, _ := setting{policy: Standard, sigma: 30, where: 5}.lie(t, 1)
	good := ph.state.MarshalCarried()
	for name, bad := range map[string][]byte{
		"nothing":         {},
		"other version":   append([]byte{9}, good[1:]...),
		"cut short":       good[:len(good)-1],
		"too long":        append(append([]byte{}, good...), 0),
		"far too long":    make([]byte, MaxCarriedBytes+1),
		"place off earth": append(append(append([]byte{}, good[:10]...), 0, 0, 0, 0, 0, 0, 0xf8, 0x7f), good[18:]...),
	} {
		before := ph.state.Clone()
		require.Error(t, ph.state.UnmarshalCarried(bad), name)
		require.Equal(t, before, ph.state, name)
	}
}

// Runs go with the phone like the rest.
func TestCarriedRuns(t *testing.T) {
	ph := newPhone(t, Standard, expecting(Standard, 200, 0))
	ph.near(Ping{At: start, Place: offset(5000, 0), Accuracy: 10})
	ph.near(Ping{At: start + tick, Place: offset(420, 0), Accuracy: 10})
	ph.near(Ping{At: start + 2*tick, Place: offset(400, 0), Accuracy: 10})
	packed := ph.state.MarshalCarried()
	require.Len(t, ph.state.runs, 1)
	again := State{Written: ph.state.Written}
	require.NoError(t, again.UnmarshalCarried(packed))
	require.Equal(t, ph.state, again)
	require.Error(t, again.UnmarshalCarried(packed[:len(packed)-1]))
	require.Error(t, again.UnmarshalCarried(append(packed, 0)))
	twice := append(packed[:len(packed)-runBytes-1:len(packed)-runBytes-1], 2)
	twice = append(append(twice, packed[len(packed)-runBytes:]...), packed[len(packed)-runBytes:]...)
	require.ErrorContains(t, again.UnmarshalCarried(twice), "twice")
	ph.state.Fade(start + 2*tick + staleAfter + 1)
	require.Empty(t, ph.state.runs)
}

func TestCloneSharesNothing(t *testing.T) {
	ph := newPhone(t, Standard, cafe(Standard))
	ph.report(Ping{At: start, Place: centre, Accuracy: 10})
	c := ph.state.Clone()
	before := c.Clone()
	for i := range Millis(5) {
		ph.report(Ping{At: start + (i+1)*tick, Place: centre, Accuracy: 10})
	}
	require.Len(t, ph.state.Stays, 1)
	require.Equal(t, before, c)
}

func TestForgetAndFade(t *testing.T) {
	ph := newPhone(t, Standard, cafe(Standard))
	p := Ping{ID: testID(77), At: start, Place: centre, Accuracy: 10}
	ph.report(p)
	require.True(t, ph.state.IsPending(testID(1)))
	ph.state.Fade(start + staleAfter)
	_, _, ok := ph.state.Last()
	require.True(t, ok)
	ph.state.Fade(start + staleAfter + 1)
	_, _, ok = ph.state.Last()
	require.False(t, ok)
	require.Equal(t, Duplicate, ph.report(p))
	ph.state.Forget()
	require.Zero(t, ph.state.Carried)
}

func TestStaysUnheardOfAreLeftAlone(t *testing.T) {
	ph := newPhone(t, Exact, cafe(Exact))
	ph.report(Ping{At: start, Place: centre})
	out, why := ph.state.Apply(Ping{ID: testID(5), At: start + 1, Place: offset(9000, 0)}, start, nil, &ph.dev, nil)
	require.Empty(t, out)
	require.Equal(t, None, why)
	require.True(t, ph.state.IsInside(testID(1)))
}

func TestApplyDoesNotAllocate(t *testing.T) {
	var s State
	at, n := start, 0
	c := cafe(Standard)
	out := make([]Transition, 0, 4)
	step := func(metres float64) {
		n++
		at += 1000
		place := offset(metres, 0)
		cs := [1]Candidate{c.seenFrom(place)}
		given := cs[:]
		if !cs[0].Inside && !s.IsInside(c.id) {
			given = nil
		}
		out, _ = s.Apply(Ping{ID: testID(n), At: at, Place: place, Speed: -1}, at, given, nil, out[:0])
	}
	require.Zero(t, testing.AllocsPerRun(100, func() { step(500) }))
	for range 100 {
		step(0)
	}
	require.True(t, s.IsInside(c.id))
	require.Zero(t, testing.AllocsPerRun(100, func() { step(0) }))
}

func BenchmarkApply(b *testing.B) {
	for _, c := range []struct {
		name   string
		policy Policy
		metres float64
		acc    float64
	}{
		{"outside exact", Exact, 500, 10},
		{"outside standard", Standard, 500, 10},
		{"outside standard unknown accuracy", Standard, 500, 0},
		{"inside exact", Exact, 0, 10},
		{"inside standard", Standard, 0, 10},
	} {
		b.Run(c.name, func(b *testing.B) {
			var s State
			fence := cafe(c.policy)
			dev := DeviceDefaults(c.policy)
			place := offset(c.metres, 0)
			var cs []Candidate
			if seen := fence.seenFrom(place); seen.Inside {
				cs = append(cs, seen)
			}
			out := make([]Transition, 0, 4)
			p := Ping{Place: place, Accuracy: c.acc, Speed: -1}
			b.ReportAllocs()
			for i := range b.N {
				p.At = start + Millis(i)*1000
				p.ID = ID{1, 2, 3, 4, 5, 6, 7, 8, byte(i), byte(i >> 8), byte(i >> 16), byte(i >> 24)}
				out, _ = s.Apply(p, p.At, cs, &dev, out[:0])
			}
		})
	}
}
