package presence

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// slowExact is Exact written down as plainly as possible.
type slowExact struct {
	since map[ID]Millis
	dwelt map[ID]bool
	seen  []ID
}

func (x *slowExact) apply(p Ping, cs []Candidate) (out []Transition) {
	if slices.Contains(x.seen[max(0, len(x.seen)-recentPings):], p.ID) {
		return nil
	}
	x.seen = append(x.seen, p.ID)
	tell := func(c Candidate, k Kind) {
		out = append(out, Transition{Fence: c.Fence, Kind: k, At: p.At, DecidedAt: p.At, Since: x.since[c.Fence], Ping: p.ID})
	}
	cs = slices.Clone(cs)
	slices.SortFunc(cs, func(a, b Candidate) int { return bytes.Compare(a.Fence[:], b.Fence[:]) })
	for _, c := range cs {
		if _, was := x.since[c.Fence]; was && !c.Inside {
			tell(c, Exited)
			delete(x.since, c.Fence)
			delete(x.dwelt, c.Fence)
		}
	}
	fresh := map[ID]bool{}
	for _, c := range cs {
		if _, was := x.since[c.Fence]; !was && c.Inside {
			x.since[c.Fence] = p.At
			fresh[c.Fence] = true
			tell(c, Entered)
		}
	}
	for _, c := range cs {
		since, in := x.since[c.Fence]
		if in && !fresh[c.Fence] && !x.dwelt[c.Fence] && c.Rules.Dwell > 0 && p.At-since >= c.Rules.Dwell.Milliseconds() {
			x.dwelt[c.Fence] = true
			tell(c, Dwelled)
		}
	}
	return out
}

func TestExactAgainstTwin(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	told := 0
	for range 200 {
		rules := Rules{Policy: Exact, Dwell: time.Duration(rng.IntN(3)) * time.Minute}
		var fences []circle
		for i := range 1 + rng.IntN(30) {
			fences = append(fences, circle{id: testID(1 + (i*7919)%101), at: offset(rng.NormFloat64()*150, rng.NormFloat64()*150), radius: 20 + 200*rng.Float64(), rules: &rules})
		}
		var s State
		twin := slowExact{since: map[ID]Millis{}, dwelt: map[ID]bool{}}
		dev := DeviceDefaults(Exact)
		at := start
		for i := range 100 {
			at += Millis(rng.IntN(40_000) - 5_000)
			p := Ping{ID: testID(1 + rng.IntN(10+i)), At: at, Place: offset(rng.NormFloat64()*200, rng.NormFloat64()*200), Mock: rng.IntN(2) == 0}
			var cs []Candidate
			for k := range fences {
				cs = append(cs, fences[k].seenFrom(p.Place))
			}
			rng.Shuffle(len(cs), func(i, j int) { cs[i], cs[j] = cs[j], cs[i] })
			want := twin.apply(p, cs)
			got, _ := s.Apply(p, at, cs, &dev, nil)
			require.Equal(t, want, got)
			told += len(got)
		}
	}
	require.Greater(t, told, 1000)
}

// driver turns bytes into a life of one device: pings of every kind, ticks, ends.
type driver struct {
	t      *testing.T
	bytes  []byte
	fences []circle
	at     Millis
	log    []Transition
}

func (d *driver) next() int {
	if len(d.bytes) == 0 {
		return 0
	}
	b := d.bytes[0]
	d.bytes = d.bytes[1:]
	return int(b)
}

func (d *driver) rules(id ID) *Rules {
	for i := range d.fences {
		if d.fences[i].id == id {
			return d.fences[i].rules
		}
	}
	return nil
}

func newDriver(t *testing.T, b []byte) *driver {
	d := &driver{t: t, bytes: b, at: start}
	for i := range 1 + d.next()%12 {
		r := Defaults(Policy(d.next() % 3))
		r.Dwell = time.Duration(d.next()%4) * time.Minute
		r.Silence = time.Duration(d.next()%4) * 5 * time.Minute
		r.AlreadyInside = AlreadyInside(d.next() % 3)
		if k := d.next(); k%3 == 0 {
			r.ApproachDistance = float64(k) * 2
			r.ApproachTime = time.Duration(d.next()%3) * 10 * time.Second
		}
		if d.next()%4 == 0 {
			r.AppearedAt = start + Millis(d.next())*10_000
		}
		d.fences = append(d.fences, circle{id: testID(i + 1), at: offset(float64(d.next())*2-256, float64(d.next())*2-256), radius: 10 + float64(d.next()), rules: &r})
	}
	return d
}

// live plays the bytes; around each step it holds what must always be true.
func (d *driver) live() {
	var s State
	dev := DeviceDefaults(Policy(d.next() % 3))
	dev.RefuseMock = true
	n := 0
	for len(d.bytes) > 0 {
		n++
		kind := d.next()
		twin := s.Clone()
		require.NoError(d.t, twin.UnmarshalCarried(s.MarshalCarried()))
		var a, b []Transition
		switch {
		case kind < 200:
			p, cs := d.ping(kind, n)
			var ra, rb Refusal
			need := s.Fences(nil)
			cs = slices.DeleteFunc(cs, func(c Candidate) bool {
				return !c.Inside && !slices.Contains(need, c.Fence) && c.Gap > c.Rules.ApproachLookout()
			})
			calm := d.calm(&s, cs)
			a, ra = s.Apply(p, d.at, cs, &dev, nil)
			slices.Reverse(cs)
			b, rb = twin.Apply(p, d.at, cs, &dev, nil)
			require.Equal(d.t, ra, rb)
			if ra != None {
				require.Empty(d.t, a)
			}
			require.True(d.t, !calm || len(a) == 0, "within its slack something changed: %v", a)
			require.True(d.t, slices.IsSortedFunc(a, func(x, y Transition) int {
				if precedes(&x, &y) {
					return -1
				}
				return 1
			}))
		case kind < 240:
			d.at += Millis(d.next()) * 2000
			s.PromisedBy = s.LastHeard + Millis(d.next())*5000
			twin.PromisedBy = s.PromisedBy
			due := s.NextDue(d.rules)
			a, b = s.Tick(d.at, d.rules, nil), twin.Tick(d.at, d.rules, nil)
			require.True(d.t, len(a) == 0 || (due != 0 && due <= d.at), "not due until %d, at %d: %v", due, d.at, a)
		case kind < 250:
			f := d.fences[d.next()%len(d.fences)].id
			a, b = s.End(f, d.at, FenceDeleted, nil), twin.End(f, d.at, FenceDeleted, nil)
		default:
			a, b = s.EndAll(d.at, Paused, nil), twin.EndAll(d.at, Paused, nil)
			require.Empty(d.t, s.Stays)
		}
		require.Equal(d.t, a, b, "a restored state must go on in the same way")
		d.log = append(d.log, a...)
		require.LessOrEqual(d.t, len(s.MarshalCarried()), MaxCarriedBytes)
	}
	d.check()
}

// calm says whether no fence could change: each has room, and no time has ended it.
func (d *driver) calm(s *State, cs []Candidate) bool {
	for i := range cs {
		if room, until := s.Room(&cs[i], d.at); room == 0 || until != 0 && until <= d.at {
			return false
		}
	}
	return true
}

func (d *driver) ping(kind, n int) (Ping, []Candidate) {
	d.at += Millis(d.next()) * 500
	p := Ping{ID: testID(n), At: d.at, Place: offset(float64(d.next())*4-512, float64(d.next())*4-512), Accuracy: float64(d.next()) - 5, Speed: float64(d.next()%40) - 20}
	switch {
	case kind < 10:
		p.ID = testID(n - d.next()%20)
	case kind < 20:
		p.At -= Millis(d.next()) * 1000
	case kind < 25:
		p.Mock = true
	case kind < 30:
		p.Place = offset(float64(d.next())*1000, 0)
	}
	var cs []Candidate
	for i := range d.fences {
		cs = append(cs, d.fences[i].seenFrom(p.Place))
	}
	return p, cs
}

// check: per fence, entries and exits take turns and dwells come once in between; and
// except under Exact nothing is dated before what was told earlier.
func (d *driver) check() {
	type told struct {
		in, dwelled bool
		at          Millis
	}
	by := map[ID]*told{}
	for _, t := range d.log {
		f := by[t.Fence]
		if f == nil {
			f = &told{}
			by[t.Fence] = f
		}
		r := d.rules(t.Fence)
		quiet := r.AppearedAt != 0 && r.AlreadyInside == DwellOnly
		switch t.Kind {
		case Entered:
			require.False(d.t, f.in, "entered twice")
			f.in, f.dwelled = true, false
		case Dwelled:
			require.True(d.t, f.in || quiet, "dwelled outside")
			require.False(d.t, f.dwelled && f.in, "dwelled twice")
			f.dwelled = true
		case Approached:
			require.False(d.t, f.in, "approached from inside")
		case Exited:
			require.True(d.t, f.in || quiet, "exited outside")
			f.in, f.dwelled = false, false
		}
		if r.Policy != Exact {
			require.GreaterOrEqual(d.t, t.At, f.at, "%v dated before what was told earlier", t)
			require.LessOrEqual(d.t, t.Since, t.At)
		}
		f.at = t.At
	}
}

func TestLives(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	kinds := map[Kind]int{}
	for range 300 {
		b := make([]byte, 2500)
		for i := range b {
			b[i] = byte(rng.IntN(256))
		}
		d := newDriver(t, b)
		d.live()
		for _, tr := range d.log {
			kinds[tr.Kind]++
		}
	}
	t.Logf("told: %v", kinds)
	require.Len(t, kinds, 4)
}

func FuzzApply(f *testing.F) {
	f.Add(bytes.Repeat([]byte{7, 120, 128, 30}, 200))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4000 {
			return
		}
		newDriver(t, b).live()
	})
}

func FuzzUnmarshalCarried(f *testing.F) {
	ph, _ := setting{policy: Standard, sigma: 30, where: 5}.lie(f, 1)
	f.Add(ph.state.MarshalCarried())
	f.Add([]byte{})
	near := newPhone(f, Standard, expecting(Standard, 200, 0))
	for i := range Millis(3) {
		near.near(Ping{At: start + i*tick, Place: offset(420-20*float64(i), 0), Accuracy: 10})
	}
	f.Add(near.state.MarshalCarried())
	f.Fuzz(func(t *testing.T, b []byte) {
		var s State
		if s.UnmarshalCarried(b) != nil {
			require.Zero(t, s.Carried)
			return
		}
		var again State
		require.NoError(t, again.UnmarshalCarried(s.MarshalCarried()))
		c := expecting(Standard, 200, 0)
		p := Ping{ID: testID(1), At: start, Place: centre, Accuracy: 10}
		s.Apply(p, start, []Candidate{c.seenFrom(centre)}, nil, nil)
		require.NoError(t, again.UnmarshalCarried(s.MarshalCarried()))
	})
}
